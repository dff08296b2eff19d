/** Workers killed inside of effects that are not settled by a write of their own. */
import { Client } from 'pg';

import { GuardedCompletion } from 'activity-guard/client';
import type { Moment } from '../fixtures/dying-activities';
import { bookOnce, handOverOnce } from '../fixtures/workflows';
import { Harness } from '../support/worker-harness';

let harness: Harness;
let database: Client;
beforeAll(async () => {
  harness = await Harness.start();
  database = new Client({ connectionString: harness.stack.databaseUrl });
  await database.connect();
  await database.query('create table bookings (order_id text)');
});
afterAll(async () => {
  await database.end();
  await harness.stop();
});

describe('a worker killed with SIGKILL', () => {
  // Mutations: a lapsed transaction as unknown (it would be held); a receipt that is written on its own.
  it.each<Moment>(['in the transaction', 'after the commit'])(
    '%s: it is booked once and the workflow gets its result, with nobody having to resolve anything',
    async (moment) => {
      const name = `booked ${moment}`;
      const first = await harness.startWorker(name);
      const handle = await harness.stack.env.client.workflow.start(bookOnce, {
        ...{ args: [name, moment], taskQueue: name, workflowId: name },
      });
      expect(await first.ended).toBe('SIGKILL');
      const second = await harness.startWorker(name);
      expect(await handle.result()).toEqual({ booked: name });
      const { rows } = await database.query('select from bookings where order_id = $1', [name]);
      expect(rows).toHaveLength(1);
      await second.kill();
    },
  );

  it('after the delegation: nobody hands over again, and the completion finishes the workflow', async () => {
    const name = 'handed over';
    const first = await harness.startWorker(name);
    const { client } = harness.stack.env;
    const moment: Moment = 'after the delegation';
    const handle = await client.workflow.start(handOverOnce, {
      ...{ args: [name, moment], taskQueue: name, workflowId: name },
    });
    expect(await first.ended).toBe('SIGKILL');
    const second = await harness.startWorker(name);
    await new Promise((resolve) => setTimeout(resolve, 4500)); // its lease and its attempt are over
    const [receipt] = await harness.receipts.list({ states: ['delegated'] });
    if (!receipt) throw new Error('nothing is delegated');
    expect(receipt).toMatchObject({ action: 'handOver', epoch: 1 });
    const completion = new GuardedCompletion({ activity: client.activity, receipts: harness.receipts });
    const answer = await completion.complete(
      receipt,
      { workflowId: name, activityId: '1' },
      'done elsewhere',
    );
    expect(answer.receipt).toBe('committed');
    expect(await handle.result()).toBe('done elsewhere');
    await second.kill();
  });
});
