/** A worker in this process, for tests that bring their own activities. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { Client, type Workflow, type WorkflowHandle } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type BundleOptions,
  type LogEntry,
  type LogLevel,
  type WorkerOptions,
  type WorkflowBundle,
} from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { startTestStack, type TestStack } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import type { cancelAndCallAgain, observe } from '../fixtures/observing-workflows';
import type { callAndReplay, callBriefly, callLocally, callOnce } from '../fixtures/plain-workflows';
import type { Receipt } from '../../src/core';
import { hashRequestId, receiptKey } from '../../src/ids';
import { quiet } from './quiet';

type Workflows = {
  callOnce: typeof callOnce;
  callAndReplay: typeof callAndReplay;
  callBriefly: typeof callBriefly;
  callLocally: typeof callLocally;
  observe: typeof observe;
  cancelAndCallAgain: typeof cancelAndCallAgain;
};

const plainWorkflows = require.resolve('../fixtures/plain-workflows');

/** What workers logged, at level WARN and above unless started otherwise. */
export const entries: LogEntry[] = [];
/** The messages of that. */
export const logged: string[] = [];

export class WorkerHere {
  private constructor(
    readonly stack: TestStack,
    readonly receipts: ReturnType<typeof pgReceipts>,
    readonly workflowBundle: WorkflowBundle,
  ) {}

  static async start(workflowsPath = plainWorkflows, level: LogLevel = 'WARN'): Promise<WorkerHere> {
    const keep = (entry: LogEntry): void => {
      entries.push(entry);
      logged.push(entry.message);
    };
    Runtime.install({ logger: new DefaultLogger(level, keep) });
    const stack = await startTestStack();
    const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 4 });
    await receipts.migrate();
    const plugins = [new ActivityGuardPlugin({ receipts })];
    return new WorkerHere(
      stack,
      receipts,
      await bundleWorkflowCode({ workflowsPath, plugins, logger: quiet }),
    );
  }

  /** A bundle without the guard's interceptors, of the plain workflows unless said otherwise. */
  bareBundle(workflowsPath = plainWorkflows): Promise<WorkflowBundle> {
    return bundleWorkflowCode({ workflowsPath, logger: quiet });
  }

  /** The receipt of an id that a workflow gave with `withRequestId`. */
  async receipt(id: string): Promise<Receipt | undefined> {
    return (await this.receipts.get(receiptKey(this.receipts.namespace, hashRequestId(id))))?.receipt;
  }

  /** A bundle of other workflows, or with another converter. */
  bundle(options: Omit<BundleOptions, 'plugins'>): Promise<WorkflowBundle> {
    const plugins = [new ActivityGuardPlugin({ receipts: this.receipts })];
    return bundleWorkflowCode({ plugins, logger: quiet, ...options });
  }

  /** Runs `work` with a worker that has these options. */
  async running<T>(
    options: Partial<WorkerOptions>,
    work: (run: Runner, start: Starter) => Promise<T>,
  ): Promise<T> {
    const taskQueue = randomUUID();
    const {
      connection: clientConnection,
      options: { namespace },
    } = this.stack.env.client;
    const { dataConverter } = options;
    const client = new Client({
      connection: clientConnection,
      namespace,
      ...(dataConverter ? { dataConverter } : {}),
    });
    return this.withWorker(taskQueue, options, (worker) => {
      const start: Starter = (workflow, ...args) =>
        client.workflow.start(workflow, {
          args,
          taskQueue,
          workflowId: randomUUID(),
          workflowExecutionTimeout: '40s',
        });
      const run: Runner = async (workflow, ...args) => (await start(workflow, ...args)).result() as never;
      return worker.runUntil(work(run, start));
    });
  }

  /** Runs `work` with a worker, and something that starts any workflow of its bundle on it. */
  async starting<T>(options: Partial<WorkerOptions>, work: (start: AnyStarter) => Promise<T>): Promise<T> {
    const taskQueue = randomUUID();
    const { workflow: client } = this.stack.env.client;
    const start: AnyStarter = (workflow, ...args) =>
      client.start(workflow, { args, taskQueue, workflowId: randomUUID() } as never);
    return this.withWorker(taskQueue, options, (worker) => worker.runUntil(work(start)));
  }

  /** Hands over a worker that is not running yet; closes its connection afterwards. */
  async withWorker<T>(
    taskQueue: string,
    options: Partial<WorkerOptions>,
    work: (worker: Worker) => Promise<T>,
  ): Promise<T> {
    const connection = await NativeConnection.connect({
      address: this.stack.temporalAddress,
      ...pluginsOf(options),
    });
    try {
      const worker = await Worker.create({
        connection,
        taskQueue,
        workflowBundle: this.workflowBundle,
        ...options,
        plugins: options.plugins ?? [],
      });
      return await work(worker);
    } finally {
      await connection.close();
    }
  }

  /**
   * How a worker refuses to start. It starts once `correct` has mended what was wrong: its connection can only be
   * closed after it has run.
   */
  async refusal(
    options: Partial<WorkerOptions>,
    correct: () => unknown,
  ): Promise<{ error: unknown; state: string }> {
    return this.withWorker(randomUUID(), options, async (worker) => {
      const error = await worker.run().catch((thrown: unknown) => thrown);
      const state = worker.getState();
      await correct();
      await worker.runUntil(() => isRunning(worker));
      return { error, state };
    });
  }

  async stop(): Promise<void> {
    await this.receipts.close();
    await this.stack.stop();
  }
}

/** Executes a workflow on the worker that runs. */
export type Runner = <N extends keyof Workflows>(
  workflow: N,
  ...args: Parameters<Workflows[N]>
) => Promise<Awaited<ReturnType<Workflows[N]>>>;

/** Starts any workflow on the worker that runs. */
export type AnyStarter = <W extends Workflow>(
  workflow: W,
  ...args: Parameters<W>
) => Promise<WorkflowHandle<W>>;

/** Starts a workflow on the worker that runs. */
export type Starter = <N extends keyof Workflows>(
  workflow: N,
  ...args: Parameters<Workflows[N]>
) => Promise<WorkflowHandle>;

const connectionPlugins = Symbol('connection plugins');

/** Options whose plugins go to the connection, too. */
export const onConnectionToo = (options: Partial<WorkerOptions>): Partial<WorkerOptions> =>
  Object.assign({ ...options }, { [connectionPlugins]: options.plugins });

const pluginsOf = (options: object): object => {
  const plugins: unknown = Reflect.get(options, connectionPlugins);
  return plugins ? { plugins } : {};
};

/** Before that `runUntil` would not stop it. */
async function isRunning(worker: Worker): Promise<void> {
  for (let tries = 0; worker.getState() === 'INITIALIZED' && tries < 1000; tries++) await delay(10);
}
