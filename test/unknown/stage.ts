/** The servers, the processes that are killed, and the workers that live on: those of the workflows, and those that come after. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';

import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startTestStack, type TestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { hashRequestId, receiptKey } from '../../src/ids';
import { within } from '../../src/testing/bounded';
import { quiet, quietRuntime } from '../support/quiet';
import { charges } from './activities';
import { Operator } from './operator';
import { Provider } from './provider';
import type { VictimConfig } from './victim-process';

const longestStartMs = 30_000;

export class Stage {
  readonly client: Client;
  private readonly ends = new Set<() => Promise<unknown>>();
  private queues = 0;
  kills = 0;

  private constructor(
    readonly stack: TestStack,
    readonly provider: Provider,
    readonly receipts: PostgresReceipts,
    readonly operator: Operator,
    /** Tells this run from others on the same server. */
    private readonly name: string,
    private readonly connection: NativeConnection,
  ) {
    this.client = stack.env.client;
  }

  static async start(): Promise<Stage> {
    quietRuntime();
    const stack = await startTestStack();
    const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 8 });
    await receipts.migrate();
    const stage = new Stage(
      ...([stack, await Provider.start(), receipts, new Operator(stack)] as const),
      `unknown-${randomUUID()}`,
      await NativeConnection.connect({ address: stack.temporalAddress }),
    );
    await stage.startWorkflows();
    return stage;
  }

  /** Where the workflows run. Their worker lives on: what is killed are workers of activities. */
  get workflowQueue(): string {
    return `${this.name}-workflows`;
  }

  newQueue(): string {
    return `${this.name}-${++this.queues}`;
  }

  workflowId(intent: string): string {
    return `${this.name}: ${intent}`;
  }

  /** The receipt of an intent, with its evidence. */
  async look(intent: string) {
    return this.receipts.get(receiptKey(this.receipts.namespace, hashRequestId(intent)));
  }

  /**
   * Starts a worker as a process. The returned function kills it with SIGKILL, waits until it is gone, and gives the
   * moment of the kill.
   */
  async startVictim(
    config: Pick<VictimConfig, 'taskQueue' | 'leaseMs' | 'losesSettlements'>,
  ): Promise<() => Promise<number>> {
    const { temporalAddress: address, temporalNamespace: namespace, databaseUrl } = this.stack;
    const all: VictimConfig = {
      ...config,
      ...{ address, namespace, databaseUrl, providerUrl: this.provider.url },
    };
    const child = fork(require.resolve('./victim-process'), [JSON.stringify(all)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(([, signal]) => signal as string | null);
    const kill = async (): Promise<number> => {
      const at = Date.now();
      child.kill('SIGKILL');
      const signal = await ended;
      this.ends.delete(kill);
      if (signal !== 'SIGKILL') throw new Error('the worker had ended before it was killed');
      return at;
    };
    this.ends.add(kill);
    const ready = Promise.race([
      once(child, 'message'),
      ended.then(() => Promise.reject(new Error('the worker ended before it was ready'))),
    ]);
    await within(longestStartMs, 'the start of a worker', ready);
    return kill;
  }

  /** Starts a worker that takes over and finds out; the returned function shuts it down. */
  startSuccessor(taskQueue: string, leaseMs: number): Promise<() => Promise<void>> {
    const plugins = [new ActivityGuardPlugin({ receipts: this.receipts, reconcile: true })];
    return this.startHere({ taskQueue, activities: { ...charges(this.provider.url, leaseMs) }, plugins });
  }

  async stop(): Promise<void> {
    // A worker that failed must not keep the others, nor the servers, from being stopped.
    await Promise.allSettled([...this.ends].map((end) => end()));
    await this.connection.close();
    await this.receipts.close();
    await this.provider.stop();
    await this.stack.stop();
  }

  private async startWorkflows(): Promise<void> {
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: require.resolve('./workflows'),
      plugins: [new ActivityGuardPlugin({ receipts: this.receipts })],
      logger: quiet,
    });
    await this.startHere({ taskQueue: this.workflowQueue, workflowBundle });
  }

  /** Each has a task queue of its own, so that they may share a connection. */
  private async startHere(
    options: Omit<WorkerOptions, 'connection' | 'namespace'>,
  ): Promise<() => Promise<void>> {
    const { connection } = this;
    const worker = await Worker.create({
      ...options,
      connection,
      namespace: this.stack.temporalNamespace,
    });
    const run = worker.run();
    run.catch(() => undefined); // whoever stops it hears of it
    const stop = async (): Promise<void> => {
      this.ends.delete(stop);
      worker.shutdown();
      await run;
    };
    this.ends.add(stop);
    return stop;
  }
}
