/** Starts the workflow of the quick start: `node dist/examples/snippets/quick-start/client.js`. */
// #region client
import { Client, Connection } from '@temporalio/client';
import { checkout } from './workflows';

async function main(): Promise<void> {
  const address = process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233';
  const client = new Client({ connection: await Connection.connect({ address }) });
  const order = { id: '42', cents: 2000 };
  const id = await client.workflow.execute(checkout, {
    args: [order],
    taskQueue: 'orders',
    workflowId: `checkout-${order.id}`,
  });
  console.log(`order ${order.id} was paid as ${id}`);
  await client.connection.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
// #endregion
