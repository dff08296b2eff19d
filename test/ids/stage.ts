/** The servers, bundles and workers that the cells of the matrix share. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bundleWorkflowCode, type WorkflowBundle } from '@temporalio/worker';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startTestStack, type TestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { quiet, quietRuntime } from '../support/quiet';
import { Ledger } from './ledger';
import type { Column } from './matrix';
import type { VictimConfig } from './victim-process';
import { matrixWorker, type WorkerPlace } from './worker';

/** The workflows as they are, and as a later version has them. */
export type Version = 'workflows' | 'workflows-next';

export class Stage {
  /** Tells this run of the matrix from others on the same server. */
  readonly name = `ids-${randomUUID()}`;
  private readonly bundles = new Map<string, Promise<WorkflowBundle>>();
  private readonly ends: (() => Promise<void>)[] = [];

  private constructor(
    readonly stack: TestStack,
    readonly ledger: Ledger,
    private readonly receipts: PostgresReceipts,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Stage> {
    quietRuntime();
    const stack = await startTestStack();
    const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 8 });
    await receipts.migrate();
    const folder = await mkdtemp(join(tmpdir(), 'activity-guard-ids-'));
    const stage = new Stage(stack, await Ledger.start(), receipts, folder);
    await Promise.all([stage.startWorker('derived'), stage.startWorker('recipe')]);
    return stage;
  }

  /** Where the shared worker of a column works; derived and explicit ids are the same worker's. */
  taskQueue(column: Column, more = ''): string {
    return `${this.name}-${column === 'recipe' ? 'bare' : 'guarded'}${more}`;
  }

  /** Starts a worker in this process; the returned function shuts it down. */
  async startWorker(
    column: Column,
    taskQueue = this.taskQueue(column),
    version: Version = 'workflows',
  ): Promise<() => Promise<void>> {
    const receipts = column === 'recipe' ? undefined : this.receipts;
    const bundle = await this.bundle(column, version);
    const { worker, connection } = await matrixWorker(this.place(taskQueue), bundle, receipts);
    const run = worker.run();
    run.catch(() => undefined); // whoever stops it hears of it
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> =>
      (stopped ??= (async () => {
        worker.shutdown();
        await run;
        await connection.close();
      })());
    this.ends.push(stop);
    return stop;
  }

  /** Starts a worker as a process; the returned function kills it. */
  async startVictim(column: Column, taskQueue: string): Promise<() => Promise<void>> {
    const bundlePath = join(this.folder, `${column}.js`);
    await writeFile(bundlePath, (await this.bundle(column, 'workflows')).code);
    const { databaseUrl } = this.stack;
    const config: VictimConfig = {
      ...this.place(taskQueue),
      bundlePath,
      ...(column === 'recipe' ? {} : { databaseUrl }),
    };
    const child = fork(require.resolve('./victim-process'), [JSON.stringify(config)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    this.ends.push(kill);
    await Promise.race([
      once(child, 'message'),
      ended.then(() => Promise.reject(new Error('the worker ended before it was ready'))),
    ]);
    return kill;
  }

  async stop(): Promise<void> {
    // A worker that failed must not keep the others, nor the servers, from being stopped.
    await Promise.allSettled(this.ends.map((end) => end()));
    await this.receipts.close();
    await this.ledger.stop();
    await this.stack.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private place(taskQueue: string): WorkerPlace {
    const { temporalAddress: address, temporalNamespace: namespace } = this.stack;
    return { address, namespace, taskQueue, providerUrl: this.ledger.url };
  }

  private bundle(column: Column, version: Version): Promise<WorkflowBundle> {
    const isGuarded = column !== 'recipe';
    const key = `${version} ${isGuarded}`;
    const bundle =
      this.bundles.get(key) ??
      bundleWorkflowCode({
        workflowsPath: require.resolve(`./${version}`),
        plugins: isGuarded ? [new ActivityGuardPlugin({ receipts: this.receipts })] : [],
        logger: quiet,
      });
    this.bundles.set(key, bundle);
    return bundle;
  }
}
