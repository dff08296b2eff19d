/** A worker, bare or guarded, in a process of its own. The guard is loaded only where it is used. */
import { setTimeout as delay } from 'node:timers/promises';

import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';

import { failStart, readConfig, serve } from '../child';

/** What the process is told. */
export interface WorkerConfig {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly bundlePath: string;
  readonly guarded: boolean;
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

async function guarding(databaseUrl: string): Promise<Pick<WorkerOptions, 'activities' | 'plugins'>> {
  const [{ guarded }, { pgReceipts }, { ActivityGuardPlugin }] = await Promise.all([
    import('activity-guard/activity'),
    import('activity-guard/pg'),
    import('activity-guard/worker'),
  ]);
  const receipts = pgReceipts({ connectionString: databaseUrl, max: 10 });
  return { activities: { noop: guarded(noop) }, plugins: [new ActivityGuardPlugin({ receipts })] };
}

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
    ...(config.guarded ? await guarding(config.databaseUrl) : { activities: { noop } }),
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
