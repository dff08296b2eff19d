/** The worker of the quick start: `node dist/examples/snippets/quick-start/worker.js`. */
// #region worker
import { NativeConnection, Worker } from '@temporalio/worker';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import * as activities from './activities';

async function main(): Promise<void> {
  const receipts = pgReceipts({ connectionString: process.env['DATABASE_URL'] });
  await receipts.migrate(); // creates or upgrades the tables; or: npx activity-guard migrate
  const address = process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233';
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue: 'orders',
    workflowsPath: require.resolve('./workflows'),
    activities,
    plugins: [new ActivityGuardPlugin({ receipts })],
  });
  await worker.run();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
// #endregion
