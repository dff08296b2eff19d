// A worker with the packed plugin against a real server: an effect whose answer is lost happens once, two workflows share an
// intent, and the histories replay. Receipts are in memory, or in the database of DATABASE_URL through the driver given.
//   TEMPORAL_ADDRESS=… node temporal.cjs [pg|postgres]
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');

const { Connection, WorkflowClient } = require('@temporalio/client');
const { NativeConnection, Worker } = require('@temporalio/worker');

const { committed, memoryReceipts, notCommitted } = require('activity-guard');
const { guarded, requestId } = require('activity-guard/activity');
const { ActivityGuardPlugin } = require('activity-guard/worker');

const [driver] = process.argv.slice(2);
const address = process.env.TEMPORAL_ADDRESS;
const schema = `pack_${randomUUID().slice(0, 8)}`;
const run = randomUUID();
const workflowsPath = require.resolve('./workflows.cjs');

function makeReceipts() {
  const url = process.env.DATABASE_URL;
  if (driver === 'pg') return require('activity-guard/pg').pgReceipts({ connectionString: url }, { schema });
  if (driver === 'postgres') return require('activity-guard/postgres').postgresReceipts(url, { schema });
  return memoryReceipts();
}

const effects = new Map();
const act = (id) => {
  effects.set(id, (effects.get(id) ?? 0) + 1);
  return { paid: id };
};
const activities = {
  chargeCard: guarded(
    {
      graceFor: 0,
      onUnknown: ({ requestId: id, payload: [order] }) =>
        effects.has(id) ? committed({ paid: order }) : notCommitted(),
    },
    async (order) => {
      act(requestId());
      throw new Error(`the answer for ${order} is lost`);
    },
  ),
  payInvoice: guarded(async (number) => act(`invoice ${number}`)),
};

async function workflows(client, taskQueue) {
  const start = (type, workflowId, argument) =>
    client.start(type, {
      workflowId: `${workflowId}-${run}`,
      taskQueue,
      args: [argument],
      workflowExecutionTimeout: '60s',
    });
  const handles = [
    await start('order', 'order', 'o1'),
    await start('invoice', 'a', 7),
    await start('invoice', 'b', 7),
  ];
  assert.deepEqual(await Promise.all(handles.map((handle) => handle.result())), [
    { paid: 'o1' },
    { paid: 'invoice 7' },
    { paid: 'invoice 7' },
  ]);
  assert.deepEqual([...effects.values()], [1, 1]);
  return Promise.all(handles.map((handle) => handle.fetchHistory()));
}

async function main() {
  const receipts = makeReceipts();
  await receipts.migrate?.();
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const taskQueue = `pack-${run}`;
  const plugins = [new ActivityGuardPlugin({ receipts })];
  try {
    const worker = await Worker.create({ connection, taskQueue, workflowsPath, activities, plugins });
    const histories = await worker.runUntil(
      workflows(new WorkflowClient({ connection: clientConnection }), taskQueue),
    );
    for (const history of histories)
      await Worker.runReplayHistory(
        { workflowsPath, plugins: [new ActivityGuardPlugin({ receipts })] },
        history,
      );
  } finally {
    await clientConnection.close();
    await connection.close();
    await receipts.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
