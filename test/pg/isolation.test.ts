/** Settings of the role, and locks of other people's transactions: everything ends, with one effect per id. */
import { setTimeout as delay } from 'node:timers/promises';

import type { PoolClient } from 'pg';

import type { GuardedCall, HeldEffect } from '../../src/core';
import { hashRequestId, receiptKey } from '../../src/ids';
import { drivers, openStore, RealWorker, stateOf, timed } from '../support/real-calls';
import { scratchRole, type ScratchRole } from '../support/scratch-role';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
const roles: ScratchRole[] = [];
beforeAll(async () => (scratch = await scratchSchema()));
afterAll(async () => {
  for (const role of roles) await role.drop();
  await scratch.close();
});

async function roleWith(settings: Readonly<Record<string, string>>): Promise<string> {
  const role = await scratchRole(scratch, settings);
  roles.push(role);
  return role.url;
}

const keyOf = (id: string): string => receiptKey('default', hashRequestId(id));
const lockRow = (client: PoolClient, id: string) =>
  client.query(`select 1 from "${scratch.schema}".receipts where key = $1 for update`, [keyOf(id)]);

/** Runs `work` with a transaction of a user's; it is rolled back at the end, if it still stands. */
async function inUsersTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await scratch.pool.connect();
  client.on('error', () => undefined);
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query('rollback').catch(() => undefined);
    client.release(true);
  }
}

const storeErrors = (worker: RealWorker): (string | undefined)[] =>
  worker.events.filter((e) => e.type === 'store-error').map((e) => e.by);

describe.each(drivers)('calls through %s', (driver) => {
  // Mutation: class 40 among the final errors fails here: callers get ReceiptStoreUnavailable.
  it.each(['serializable', 'repeatable read'])(
    'under %s by default: racing callers all get the one result, side by side with other ids',
    async (isolation) => {
      const url = await roleWith({ default_transaction_isolation: isolation });
      const effects = new Map<string, number>();
      const stores = Array.from({ length: 4 }, () =>
        openStore(driver, url, { schema: scratch.schema, max: 4 }),
      );
      const workers = stores.map((store) => new RealWorker(store, effects));
      const ids = Array.from({ length: 12 }, (_, i) => `${driver} ${isolation} ${i}`);
      const [first = ''] = ids;
      const calls = [...ids, ...Array<string>(8).fill(first)];
      const endings = await Promise.all(calls.flatMap((id) => workers.map((worker) => worker.ending(id))));
      await Promise.all(stores.map((store) => store.close()));
      expect(endings).toEqual(calls.flatMap((id) => Array(4).fill(`charged ${id}`)));
      expect(effects).toEqual(new Map(ids.map((id) => [id, 1])));
      const codes = workers.flatMap(storeErrors);
      expect(codes.filter((code) => code !== '40001')).toEqual([]);
    },
  );

  it('that deadlock with a transaction of a user in their renewal go on, and settle', async () => {
    const store = openStore(driver, await roleWith({}), { schema: scratch.schema });
    const worker = new RealWorker(store);
    const ids = [`${driver} dead`, `${driver} lock`].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const [low = '', high = ''] = ids;
    let deadlocked: unknown;
    let proceed = (): void => undefined;
    const ended = new Promise<void>((resolve) => (proceed = resolve));
    const run = async (effect: HeldEffect) => {
      effect.begin();
      worker.count(effect.requestId);
      await ended;
      return 'charged';
    };
    const calls = ids.map((id) => worker.ending(id, { run, leaseMs: 6000 }));
    while (worker.effects.size < 2) await delay(10);
    await inUsersTransaction(async (client) => {
      await lockRow(client, high);
      await untilBlocked(1); // the renewal has locked the lower row and waits for the higher one
      deadlocked = await lockRow(client, low).catch((error: { code?: string }) => error.code);
    });
    proceed();
    expect(await Promise.all(calls)).toEqual(['charged', 'charged']);
    expect([...worker.effects.values()]).toEqual([1, 1]);
    // One of the two was the victim; the user's transaction got its rows, or was told so.
    expect(deadlocked === '40P01' || (deadlocked as { rowCount?: number }).rowCount === 1).toBe(true);
    await store.close();
  });

  // Mutation: classes 55 and 57 among the final errors fail here.
  it.each([
    ['statement_timeout', { statement_timeout: '200ms' }, '57014'],
    ['lock_timeout', { lock_timeout: '200ms' }, '55P03'],
  ])(
    'with a %s of the role settle a row that somebody locks, once it is free',
    async (_name, settings, code) => {
      const store = openStore(driver, await roleWith(settings), { schema: scratch.schema });
      const worker = new RealWorker(store);
      const id = `${driver} ${code}`;
      await inUsersTransaction(async (client) => {
        const run: GuardedCall['run'] = async (effect) => {
          effect.begin();
          worker.count(id);
          await lockRow(client, id);
          void delay(1000).then(() => client.query('rollback'));
          return 'charged';
        };
        const [ending, ms] = await timed(worker.ending(id, { run }));
        expect([ending, ms > 1000, ms < 5000]).toEqual(['charged', true, true]);
      });
      expect([await stateOf(store, id), worker.effects.get(id)]).toEqual(['committed', 1]);
      expect(new Set(storeErrors(worker))).toEqual(new Set([code]));
      await store.close();
    },
  );

  it('settle a row whose locker is ended by its own idle_in_transaction_session_timeout', async () => {
    const store = openStore(driver, await roleWith({ idle_in_transaction_session_timeout: '100ms' }), {
      schema: scratch.schema,
    });
    const worker = new RealWorker(store);
    const id = `${driver} idle`;
    await inUsersTransaction(async (client) => {
      await client.query(`set idle_in_transaction_session_timeout = '700ms'`);
      const run: GuardedCall['run'] = async (effect) => {
        effect.begin();
        worker.count(id);
        await lockRow(client, id);
        return 'charged';
      };
      expect(await worker.ending(id, { run })).toBe('charged');
    });
    expect([await stateOf(store, id), worker.effects.get(id)]).toEqual(['committed', 1]);
    await store.close();
  });

  // Mutation: no limit to the time of an answer fails here: the calls wait as long as the lock is held.
  it('that meet a locked table fail closed, leave nothing behind, and run once it is free', async () => {
    const store = openStore(driver, await roleWith({}), { schema: scratch.schema, max: 8 });
    const worker = new RealWorker(store);
    const ids = Array.from({ length: 4 }, (_, i) => `${driver} table ${i}`);
    await inUsersTransaction(async (client) => {
      await client.query(`lock table "${scratch.schema}".receipts in access exclusive mode`);
      const asked = ids.map((id) => timed(worker.ending(id, { waitMs: 500, leaseMs: 4000 })));
      for (const [ending, ms] of await Promise.all(asked))
        expect([ending, ms < 3500]).toEqual(['ReceiptStoreUnavailable', true]);
      expect(worker.effects.size).toBe(0);
    });
    expect(await Promise.all(ids.map((id) => worker.ending(id)))).toEqual(ids.map((id) => `charged ${id}`));
    expect([...worker.effects.values()]).toEqual(ids.map(() => 1));
    await store.close();
  });
});

/** Waits until so many statements of this schema wait for a lock. */
async function untilBlocked(count: number): Promise<void> {
  for (let tries = 0; tries < 800; tries++) {
    const { rows } = await scratch.pool.query<{ n: number }>(
      `select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock' and query like $1`,
      [`%"${scratch.schema}"%`],
    );
    if ((rows[0]?.n ?? 0) >= count) return;
    await delay(10);
  }
  throw new Error(`never ${count} statements were blocked`);
}
