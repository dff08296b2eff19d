/** A Temporal worker that is killed, stopped, cut off, and whose clock is moved. Configured by one JSON argument. */
import { readFileSync } from 'node:fs';

import { NativeConnection, Worker } from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { quietRuntime } from '../../test/support/quiet';
import { activitiesOf } from './activities';
import { followClockSteps } from './clock-steps';
import { Payments } from './payments';

/** What the process is told. */
export interface WorkerConfig {
  readonly address: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly bundlePath: string;
}

async function main(config: WorkerConfig): Promise<void> {
  followClockSteps();
  quietRuntime();
  const connection = await NativeConnection.connect({ address: config.address });
  const receipts = pgReceipts({ connectionString: config.databaseUrl, max: 5 });
  const worker = await Worker.create({
    connection,
    taskQueue: config.taskQueue,
    workflowBundle: { code: readFileSync(config.bundlePath, 'utf8') },
    activities: { ...activitiesOf(new Payments(config.providerUrl), receipts) },
    plugins: [new ActivityGuardPlugin({ receipts, reconcile: true })],
    maxConcurrentActivityTaskExecutions: 20,
    // A workflow task for a worker that was killed goes to another one after this time.
    stickyQueueScheduleToStartTimeout: '1s',
  });
  process.send?.('ready');
  await worker.run();
}

void main(JSON.parse(process.argv[2] ?? '') as WorkerConfig).catch((error: unknown) => {
  process.stderr.write(`worker: ${String(error)}\n`);
  process.exit(1);
});
