/** A worker, bare, by hand or guarded, in a process of its own. What it does not use it does not load. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';

import { failStart, readConfig, serve } from '../child';
import type { WorkerKind } from './bundles';

/** What the process is told. */
export interface WorkerConfig {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly bundlePath: string;
  readonly kind: WorkerKind;
}

/** What the worker has used, after a collection. */
export interface WorkerMemory {
  readonly heapBytes: number;
  readonly residentBytes: number;
}

let effects = 0;
const noop = async (n: number): Promise<number> => {
  effects++;
  return n;
};

type Setup = Pick<WorkerOptions, 'activities' | 'plugins'>;

async function byHand(databaseUrl: string): Promise<Setup> {
  const { BareCommits } = await import('../bare-commits.js');
  const base = await BareCommits.on(databaseUrl, 10);
  const claimed = async (n: number): Promise<unknown> => {
    effects++;
    return base.fresh(randomUUID(), n);
  };
  return { activities: { noop: claimed } };
}

async function guarding(databaseUrl: string): Promise<Setup> {
  const [{ guarded }, { pgReceipts }, { ActivityGuardPlugin }] = await Promise.all([
    import('activity-guard/activity'),
    import('activity-guard/pg'),
    import('activity-guard/worker'),
  ]);
  const receipts = pgReceipts({ connectionString: databaseUrl, max: 10 });
  return { activities: { noop: guarded(noop) }, plugins: [new ActivityGuardPlugin({ receipts })] };
}

const setups: Record<WorkerKind, (databaseUrl: string) => Promise<Setup>> = {
  bare: async () => ({ activities: { noop } }),
  'by-hand': byHand,
  guarded: guarding,
};

function memory(): WorkerMemory {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, residentBytes: rss };
}

async function main(config: WorkerConfig): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: config.address });
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue: config.taskQueue,
    workflowBundle: { codePath: config.bundlePath },
    ...(await setups[config.kind](config.databaseUrl)),
  });
  const running = worker.run();
  running.catch(failStart);
  // Up is who polls: a guarded worker looks at its receipts and its configuration before.
  while (worker.getState() !== 'RUNNING') await delay(2);
  serve({ effects: () => effects, memory }, () => {
    worker.shutdown();
    return running;
  });
}

main(readConfig<WorkerConfig>()).catch(failStart);
