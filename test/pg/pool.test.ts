/** A user's pool that has no connection to give. */
import { setTimeout as delay } from 'node:timers/promises';

import type { GuardedCall } from '../../src/core';
import { drivers, RealWorker, stateOf, timed, usersPool, type UsersPool } from '../support/real-calls';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

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
