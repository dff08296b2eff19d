/** Pruning: step by step, beside claims and replays. */
import type { PostgresReceipts } from '../../src/stores/pg';
import { statements } from '../../src/stores/postgres/statements';
import { newId, over, rowIn } from '../contract/rows';
import { drivers, onStatement, openStore, RealWorker, stateOf } from '../support/real-calls';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
beforeEach(async () => (scratch = await scratchSchema()));
afterEach(() => scratch.close());

/** Settled receipts, each claimed a moment after the one before it, or all at the same moment. */
const fill = (rows: number, atOnce = false) =>
  scratch.pool.query(
    `insert into "${scratch.schema}".receipts
      (key, namespace, request_id, action, fingerprint, state, policy, token, claimed_at, lease_until, settled_at, outcome_format, outcome)
     select md5(n::text)::uuid, 'default', n::text, 'charge', sha256('x'), 'committed', 'hold', md5(n::text)::uuid,
       now() - interval '1 day' + $2::integer * n * interval '1 ms', now(), now(), 'json', 'done'
     from generate_series(1, $1::integer) n`,
    [rows, atOnce ? 0 : 1],
  );

// Mutations: a pass that begins anew with every call; one that goes on from where the limit had left some.
it.each(['prune', 'drop_results'])('goes on where it stopped, in steps of 1,000 rows: %s', async (name) => {
  await fill(2500);
  const store = scratch.open();
  let sent = 0;
  onStatement(store, (statement) => (sent += statement === name ? 1 : 0));
  const more = name === 'prune' ? {} : { resultsOverBytes: 3 };
  const passes: unknown[] = [];
  for (const limit of [1500, 1500, 1500]) {
    sent = 0;
    passes.push([await store.prune({ retainMs: 0, limit, ...more }), sent]);
  }
  expect(passes).toEqual([
    [1500, 2],
    [1000, 2],
    [0, 3],
  ]);
});

it('leaves none out that were claimed at the same moment', async () => {
  await fill(2500, true);
  expect(await scratch.open().prune({ retainMs: 0 })).toBe(2500);
});

// Mutation: a step that is joined with its bounds: a plan for all parameters then reads all receipts behind it.
it.each(['prune', 'dropResults'] as const)('reads no receipts but those of its step: %s', async (name) => {
  await fill(20_000);
  const { pool, schema } = scratch;
  const client = await pool.connect();
  try {
    await client.query(`analyze "${schema}".receipts`);
    await client.query(`prepare pruning as ${statements(`"${schema}"`)[name].text}`);
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      await client.query(`set plan_cache_mode = ${mode}`);
      const values = `'default', 86400000000, 10, '-infinity'${name === 'prune' ? '' : ', 1'}`;
      const explained = await client.query<{ 'QUERY PLAN': string }>(
        `explain (analyze) execute pruning (${values})`,
      );
      const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Rows Removed by Filter: 1000\n/);
      expect(plan).not.toMatch(/Seq Scan on receipts|Rows Removed by (Join )?Filter: \d{5}/);
    }
  } finally {
    client.release(true);
  }
});

describe.each(drivers)('through %s', (driver) => {
  let stores: PostgresReceipts[];
  beforeEach(
    () =>
      (stores = [1, 2, 3].map(() => openStore(driver, databaseUrl(), { schema: scratch.schema, max: 4 }))),
  );
  afterEach(() => Promise.all(stores.map((store) => store.close())));

  // Invariants 1 to 3. Mutation: a tombstone, or a receipt without its result, that is claimed.
  it('beside claims and replays nothing happens twice, and what is open stays', async () => {
    const effects = new Map<string, number>();
    const [one, two] = stores.slice(0, 2).map((store) => new RealWorker(store, effects)) as [
      RealWorker,
      RealWorker,
    ];
    const pruner = stores[2] as PostgresReceipts;
    for (const state of ['claimed', 'unknown', 'released', 'delegated'] as const)
      await rowIn(pruner, state, state === 'delegated' ? undefined : over);
    const ids = Array.from({ length: 150 }, () => newId());
    let isOver = false;
    const pruning = (async () => {
      while (!isOver) {
        await pruner.prune({ retainMs: 0, limit: 3, resultsOverBytes: 0 });
        await pruner.prune({ retainMs: 100, limit: 3 });
      }
    })();
    const endings = new Map<string, Set<unknown>>(ids.map((id) => [id, new Set()]));
    await Promise.all(
      [one, two, one, two].flatMap((worker) =>
        ids.map(async (id) => {
          for (let n = 0; n < 2; n++) endings.get(id)?.add(await worker.ending(id));
        }),
      ),
    );
    isOver = true;
    await pruning;
    for (const id of ids) {
      expect(effects.get(id)).toBe(1);
      for (const ending of endings.get(id) ?? [])
        expect([`charged ${id}`, 'ResultUnavailable', 'ReceiptPruned']).toContain(ending);
    }
    while ((await pruner.prune({ retainMs: 0 })) > 0);
    for (const id of ids) expect(await stateOf(pruner, id)).toBe('pruned');
    const late = new RealWorker(pruner, effects);
    expect(await Promise.all(ids.map((id) => late.ending(id)))).toEqual(ids.map(() => 'ReceiptPruned'));
    expect([...effects.values()]).toEqual(ids.map(() => 1));
    expect((await pruner.stats()).states).toMatchObject({
      ...{ claimed: 1, unknown: 1, released: 1, delegated: 1, pruned: ids.length },
    });
  });
});
