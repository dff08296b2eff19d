/** A worker of activities as a process of its own, that is killed. Configured by one JSON argument. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { unsettled } from '../support/unsettled';
import { charges } from './activities';

/** What the process is told. */
export interface VictimConfig {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly leaseMs: number;
  /** None of its settlements gets through: the database refuses them, as without the privilege. */
  readonly losesSettlements: boolean;
}

/** Ends the process when its parent is gone: a killed test run must leave nothing behind. */
process.on('disconnect', () => process.exit(1));

async function main(config: VictimConfig): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: config.address });
  const stored = pgReceipts({ connectionString: config.databaseUrl, max: 3 });
  const receipts = config.losesSettlements ? unsettled(stored) : stored;
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue: config.taskQueue,
    activities: { ...charges(config.providerUrl, config.leaseMs) },
    // It does not reconcile: one that dies over rows that it took keeps the others from them for minutes.
    plugins: [new ActivityGuardPlugin({ receipts })],
  });
  process.send?.('ready');
  await worker.run();
}

void main(JSON.parse(process.argv[2] ?? '') as VictimConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
