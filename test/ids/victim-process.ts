/** A worker of the matrix as a process of its own, that a test kills. Configured by one JSON argument. */
import { DefaultLogger, Runtime } from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { matrixWorker, type WorkerPlace } from './worker';

/** What the process is told. */
export interface VictimConfig extends WorkerPlace {
  readonly bundlePath: string;
  /** None for a worker without a guard. */
  readonly databaseUrl?: string;
}

/** Ends the process when its parent is gone: a killed test run must leave nothing behind. */
process.on('disconnect', () => process.exit(1));

async function main({ bundlePath, databaseUrl, ...place }: VictimConfig): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const receipts = databaseUrl ? pgReceipts({ connectionString: databaseUrl, max: 4 }) : undefined;
  const { worker } = await matrixWorker(place, { codePath: bundlePath }, receipts);
  process.send?.('ready');
  await worker.run();
}

void main(JSON.parse(process.argv[2] ?? '') as VictimConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
