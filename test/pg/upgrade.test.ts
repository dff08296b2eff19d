/** Workers of the release before run against the new schema while a deployment rolls on. */
import { randomUUID } from 'node:crypto';

import { migrations } from '../../src/stores/postgres/migrations.generated';
import { callFor, engineOver } from '../support/pg-engine';
import { another, outcomeOf, over, requestFor, rowIn } from '../contract/rows';
import { drivers, openStore } from '../support/real-calls';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

describe('beside the release before', () => {
  let scratch: ScratchSchema;
  beforeEach(async () => (scratch = await scratchSchema()));
  afterEach(() => scratch.close());

  // `take_over` as released with migration 1.
  const oldTakeOver = async (key: string, epoch: number): Promise<number | null> =>
    (
      await scratch.pool.query(
        `update ${scratch.schema}.receipts as r
set state = 'claimed', epoch = r.epoch + 1, doubt = (r.state <> 'released'), token = $3::uuid, policy = 'hold',
  lease_until = clock_timestamp() - interval '1 minute', origin = '{}'
where r.key = $1::uuid and r.epoch = $2::integer and r.state = 'released'
returning r.key`,
        [key, epoch, randomUUID()],
      )
    ).rowCount;

  // The old worker knows no transactional effects: what it runs is a plain one, and it dies after it.
  it('a claim that an old worker made over a transactional one is unknown with its lease, not free', async () => {
    const store = scratch.open();
    const row = await rowIn(store, 'released', over, { transactional: true });
    expect(await oldTakeOver(row.key, 1)).toBe(1);
    const [seen] = await store.list({ unresolved: true });
    expect(seen).toMatchObject({ requestId: row.requestId, epoch: 2 });
    expect(await store.takeOver({ ...another(row, { transactional: true }), epoch: 2 })).toBeUndefined();
  });
});

describe('a migration beside a running worker', () => {
  // Mutation: a statement that is sent as it was prepared is refused (0A000): its plan gave columns of other types.
  it.each(drivers)('that changes the type of a column fails no statement through %s', async (driver) => {
    const { schema, pool, close } = await scratchSchema();
    const store = openStore(driver, databaseUrl(), { schema, max: 1 });
    try {
      const request = await rowIn(store, 'claimed');
      const settle = () =>
        store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('charged') });
      const before = [await settle(), (await store.get(request.key))?.receipt.state];
      await pool.query(`drop trigger receipts_steps on "${schema}".receipts;
        alter table "${schema}".receipts alter column state type text`);
      const after = [(await store.get(request.key))?.receipt.state, await settle()];
      expect([...before, ...after]).toEqual(Array(4).fill('committed'));
    } finally {
      await store.close();
      await close();
    }
  });
});

describe('an upgrade from the release before', () => {
  let scratch: ScratchSchema;
  const old = requestFor('order:old');
  beforeEach(async () => {
    scratch = await scratchSchema({ installed: false });
    const { schema, pool } = scratch;
    const [first] = migrations;
    if (!first) throw new Error('no migration');
    await pool.query(`create schema ${schema}`);
    await pool.query(first.sql.replaceAll(':SCHEMA', schema));
    await pool.query(`create table ${schema}.migrations (
      number integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now())`);
    await pool.query(
      `insert into ${schema}.migrations (number, name, sha256, applied_at) values (1, $1, $2, now() - interval '1 day')`,
      [first.name, first.sha256],
    );
    await pool.query(
      `insert into ${schema}.receipts (key, namespace, request_id, action, fingerprint, state, policy, token, lease_until, claimed_at)
       values ($1, 'default', 'order:old', 'charge', decode($2, 'hex'), 'claimed', 'hold', $3, now(), now() - interval '1 day')`,
      [old.key, old.fingerprint, old.token],
    );
  });
  afterEach(() => scratch.close());

  // Migration 2 knows nothing of failovers before it; the receipts are older than it.
  it('does not take its own time line for one that lost no claim', async () => {
    // The database failed over five minutes ago; then the new release is deployed.
    await scratch.open().migrate();
    let effects = 0;
    const call = callFor(
      async (effect) => {
        effect.begin();
        return ++effects;
      },
      { mayBeOlderMs: 600_000 }, // an attempt ten minutes ago, whose claim that failover lost
    );
    await engineOver(scratch.open())
      .run(call)
      .catch(() => undefined);
    expect(effects).toBe(0);
  });

  // A lock that waits makes everybody wait behind it: also renewals, so that leases run out.
  it('does not keep old workers from renewing while somebody reads', async () => {
    const { schema, pool } = scratch;
    const reader = await pool.connect();
    await reader.query(`begin; select count(*) from ${schema}.receipts`);
    const migrated = scratch.open().migrate();
    migrated.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const renewed = pool
      .query(`update ${schema}.receipts set lease_until = clock_timestamp() + interval '30 s'`)
      .then(() => 'renewed');
    const waits = new Promise((resolve) => setTimeout(resolve, 7000, 'waits').unref());
    const answer = await Promise.race([renewed, waits]);
    await reader.query('rollback');
    reader.release();
    await Promise.allSettled([migrated, renewed]);
    expect(answer).toBe('renewed');
  });
});
