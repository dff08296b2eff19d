/** A user's pool that has no connection to give. */
import { setTimeout as delay } from 'node:timers/promises';

import type { GuardedCall, Receipt } from '../../src/core';
import { pgReceipts } from '../../src/stores/pg';
import { outcomeOf, requestFor } from '../contract/rows';
import { drivers, RealWorker, stateOf, timed, usersPool, type UsersPool } from '../support/real-calls';
import { databaseUrl, newPool, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
beforeAll(async () => (scratch = await scratchSchema()));
afterAll(() => scratch.close());

describe.each(drivers)('a pool of one connection of %s that the user keeps busy', (driver) => {
  let pool: UsersPool;
  let worker: RealWorker;
  beforeEach(async () => {
    pool = usersPool(driver, databaseUrl(), 1);
    worker = new RealWorker(pool.store({ schema: scratch.schema }));
    await worker.store.list();
  });
  afterEach(() => pool.end());

  it('fails a call closed and in time; when it is free again the call runs once', async () => {
    const id = `${driver} busy`;
    const busy = pool.query('select pg_sleep(3)');
    const [ending, ms] = await timed(worker.ending(id, { waitMs: 500, leaseMs: 4000 }));
    expect([ending, ms < 2800, worker.effects.size]).toEqual(['ReceiptStoreUnavailable', true, 0]);
    await busy;
    expect(await worker.ending(id)).toBe(`charged ${id}`);
    expect(worker.effects.get(id)).toBe(1);
  });

  // Mutation: a keeper that awaits its renewals fails here: nobody looks at the deadline meanwhile.
  it('keeps no holder running beyond its lease: it is aborted before, and its late result still settles', async () => {
    const id = `${driver} holder`;
    const leaseMs = 2000;
    let abortedAfterMs: number | undefined;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      worker.count(id);
      const start = performance.now();
      const busy = pool.query('select pg_sleep(3)');
      await new Promise<void>((resolve) => effect.signal.addEventListener('abort', () => resolve()));
      abortedAfterMs = performance.now() - start;
      expect(() => effect.fence()).toThrow(expect.objectContaining({ code: 'LeaseLost' }));
      await busy;
      return 'charged late';
    };
    expect(await worker.ending(id, { run, leaseMs })).toBe('charged late');
    expect(abortedAfterMs).toBeLessThan(leaseMs);
    expect([await stateOf(worker.store, id), await worker.ending(id), worker.effects.get(id)]).toEqual([
      'committed',
      'charged late',
      1,
    ]);
  });

  // Mutation: a step that is asked once only fails here, for a pool that gives up waiting for a connection.
  it('waits with a settlement until there is a connection', async () => {
    const id = `${driver} settle`;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      worker.count(id);
      void pool.query('select pg_sleep(1)');
      await delay(50);
      return 'charged';
    };
    expect(await worker.ending(id, { run })).toBe('charged');
    expect([await stateOf(worker.store, id), worker.effects.get(id)]).toEqual(['committed', 1]);
  });
});

it('reads the same receipts whatever the session would print times and intervals as', async () => {
  const ours = scratch.open();
  const request = { ...requestFor('odd session'), graceMs: 1234.5 };
  await ours.claim(request);
  await ours.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('1') });
  const odd = ['timezone=Asia/Kolkata', 'datestyle=SQL,DMY', 'intervalstyle=postgres_verbose'];
  const pool = newPool({ max: 1, options: odd.map((setting) => `-c ${setting}`).join(' ') });
  const theirs = pgReceipts(pool, { schema: scratch.schema });
  const timeless = ({ ageMs: _age, leaseRemainingMs: _lease, ...rest }: Receipt) => rest;
  const [seen, known] = [await theirs.claim(request), (await ours.get(request.key))?.receipt];
  expect(timeless(seen)).toEqual(known && timeless(known));
  expect(seen).toMatchObject({ graceMs: 1234.5, claimedAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) });
  const since = {
    claimedSince: seen.claimedAt,
    claimedBefore: new Date(Date.parse(seen.claimedAt) + 1).toISOString(),
  };
  expect((await theirs.list(since)).map(({ key }) => key)).toContain(request.key);
  await pool.end();
});
