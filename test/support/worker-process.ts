/** A worker as a process of its own, that tests can kill. Configured by one JSON argument. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { crashAt, type CrashPoint } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { createActivities, createRawActivities, ProviderClient } from '../fixtures/activities';
import { createDyingActivities } from '../fixtures/dying-activities';

/** What the process is told. */
export interface WorkerProcessConfig {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly bundlePath: string;
  readonly guarded: boolean;
  readonly crashPoint?: CrashPoint;
  /** Stop at that point with SIGSTOP, until SIGCONT, instead of dying there. */
  readonly freezes?: boolean;
  /** Polls for workflow tasks only. */
  readonly workflowsOnly?: boolean;
  /** Has a model, too. */
  readonly agents?: boolean;
}

/** Ends the process when its parent is gone: a killed test run must leave nothing behind. */
process.on('disconnect', () => process.exit(1));

const freeze = (): void => void process.kill(process.pid, 'SIGSTOP');

async function main(config: WorkerProcessConfig): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: config.address });
  const stored = pgReceipts({ connectionString: config.databaseUrl, max: 4 });
  const receipts = config.crashPoint
    ? crashAt(stored, config.crashPoint, config.freezes ? freeze : undefined)
    : stored;
  const provider = new ProviderClient(config.providerUrl);
  const model = config.agents ? await import('./scripted-agent.js') : undefined; // it takes a while to load
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue: config.taskQueue,
    // A frozen worker must hold no poll: what the server handed it would be lost until a time-out.
    ...(config.freezes
      ? { maxConcurrentActivityTaskExecutions: 1 }
      : { workflowBundle: { codePath: config.bundlePath } }),
    // A workflow task for a worker that was killed goes to another one after this time.
    stickyQueueScheduleToStartTimeout: '1s',
    ...(config.workflowsOnly
      ? {}
      : config.guarded
        ? {
            activities: {
              ...createActivities(provider),
              ...createDyingActivities(stored),
              ...(model && { decide: model.decide }),
            },
            plugins: [...(model ? [model.aiSdkPlugin()] : []), new ActivityGuardPlugin({ receipts })],
          }
        : { activities: { ...createRawActivities(provider), ...dieAfter(provider, config.crashPoint) } }),
  });
  process.send?.('ready');
  await worker.run();
}

/** The unguarded control: killed at the same moment, after the effect and before the report. */
function dieAfter(provider: ProviderClient, crashPoint: CrashPoint | undefined) {
  if (crashPoint !== 'after-effect') return {};
  return {
    charge: async (order: string, amount: number) => {
      await provider.charge(order, amount, order);
      process.kill(process.pid, 'SIGKILL');
    },
  };
}

void main(JSON.parse(process.argv[2] ?? '') as WorkerProcessConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
