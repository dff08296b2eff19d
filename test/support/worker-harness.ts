/** Everything an end-to-end test needs: a stack, a provider, a bundle, and workers to start and kill. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bundleWorkflowCode } from '@temporalio/worker';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startTestStack, type TestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { Provider } from './provider';
import { quiet } from './quiet';
import type { WorkerProcessConfig } from './worker-process';

/** A worker that was started. */
export interface RunningWorker {
  readonly process: ChildProcess;
  /** The signal that ended it. */
  readonly ended: Promise<string | null>;
  kill(): Promise<void>;
}

export class Harness {
  private readonly workers = new Set<RunningWorker>();

  private constructor(
    readonly stack: TestStack,
    readonly provider: Provider,
    readonly receipts: PostgresReceipts,
    private readonly folder: string,
  ) {}

  static async start(workflowsPath = require.resolve('../fixtures/workflows')): Promise<Harness> {
    const stack = await startTestStack();
    const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 2 });
    await receipts.migrate();
    const folder = await mkdtemp(join(tmpdir(), 'activity-guard-test-'));
    const harness = new Harness(stack, await Provider.start(), receipts, folder);
    await writeFile(harness.bundlePath, await harness.bundle(workflowsPath));
    return harness;
  }

  get bundlePath(): string {
    return join(this.folder, 'workflows.js');
  }

  private async bundle(workflowsPath: string): Promise<string> {
    const { code } = await bundleWorkflowCode({
      workflowsPath,
      plugins: [new ActivityGuardPlugin({ receipts: this.receipts })],
      logger: quiet,
    });
    return code;
  }

  async startWorker(
    taskQueue: string,
    options: Pick<
      Partial<WorkerProcessConfig>,
      'guarded' | 'crashPoint' | 'freezes' | 'workflowsOnly' | 'agents'
    > = {},
  ): Promise<RunningWorker> {
    const config: WorkerProcessConfig = {
      address: this.stack.temporalAddress,
      namespace: this.stack.temporalNamespace,
      taskQueue,
      databaseUrl: this.stack.databaseUrl,
      providerUrl: this.provider.url,
      bundlePath: this.bundlePath,
      guarded: true,
      ...options,
    };
    const child = fork(require.resolve('./worker-process'), [JSON.stringify(config)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(([, signal]) => signal as string | null);
    const worker: RunningWorker = {
      process: child,
      ended,
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
        this.workers.delete(worker);
      },
    };
    this.workers.add(worker);
    await Promise.race([
      once(child, 'message'),
      ended.then(() => Promise.reject(new Error('the worker ended before it was ready'))),
    ]);
    return worker;
  }

  async stop(): Promise<void> {
    for (const worker of this.workers) await worker.kill();
    await this.receipts.close();
    await this.provider.stop();
    await this.stack.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
