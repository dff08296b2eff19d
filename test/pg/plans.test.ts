/** Plans: those that were made while the table was small, and are kept; and of what must not read all of a large one. */
import { newId, requestFor, rowIn } from '../contract/rows';
import { statements } from '../../src/stores/postgres/statements';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const rows = 40;

/** A table that was analyzed with few receipts, and few pieces of evidence. */
async function smallTable(): Promise<ScratchSchema> {
  const there = await scratchSchema();
  const store = there.open();
  const requests = Array.from({ length: rows }, () => requestFor(newId()));
  await Promise.all(requests.map((request) => store.claim(request)));
  for (const { key } of requests)
    await store.addEvidence({ key, epoch: 1, source: 'test', verdict: 'undetermined' });
  await there.pool.query(`analyze "${there.schema}".receipts, "${there.schema}".evidence`);
  return there;
}

let there: ScratchSchema;
beforeAll(async () => (there = await smallTable()));
afterAll(async () => there.close());

// Mutation: without `read_by_key` all of the table is read, for each key or joined in any order of keys.
it.each([
  'settleHeldMany',
  'readThere',
  'readThereMany',
  'claim',
  'claimMany',
  'claimNew',
  'claimNewMany',
] as const)(
  'receipts and evidence are looked up by key, also by a plan for few of them: %s',
  async (name) => {
    const client = await there.pool.connect();
    try {
      const { text } = statements(`"${there.schema}"`)[name];
      const values = [...new Set(text.match(/\$\d+/g))].map(() => 'null').join(', ');
      await client.query(`set plan_cache_mode = force_generic_plan; prepare many as ${text}`);
      const explained = await client.query<{ 'QUERY PLAN': string }>(`explain execute many (${values})`);
      const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan/);
      expect(plan).not.toMatch(/Seq Scan on (receipts|evidence)/);
    } finally {
      client.release(true);
    }
  },
);

// Mutation: a time that is compared so that no index knows it.
it.each(['outstanding', 'countOutstanding'] as const)(
  'what needs somebody is found without reading all receipts: %s',
  async (name) => {
    const { schema, pool, open, close } = await scratchSchema();
    try {
      await rowIn(open(), 'unknown');
      await pool.query(`insert into "${schema}".receipts
        (key, namespace, request_id, action, fingerprint, state, policy, token, claimed_at, lease_until, settled_at, outcome_format, outcome)
        select md5(n::text)::uuid, 'default', n::text, 'charge', decode(repeat(md5(n::text), 2), 'hex'), 'committed', 'hold',
          md5(n::text)::uuid, now() - n * interval '1 s', now(), now(), 'json', 'done' from generate_series(100, 20000) n order by md5(n::text)`);
      await open().takeDue({ limit: 10, holdMs: 0 });
      await pool.query(`analyze "${schema}".receipts, "${schema}".queue, "${schema}".sweeps`);
      const { text } = statements(`"${schema}"`)[name];
      const values = name === 'outstanding' ? ['default', 500] : ['default'];
      const explained = await pool.query<{ 'QUERY PLAN': string }>(`explain (analyze) ${text}`, values);
      const plan = explained.rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan using receipts_contested/);
      expect(plan).toMatch(/Scan (using|on) receipts_claimed_at/);
      expect(plan).not.toMatch(/Seq Scan on receipts|Rows Removed by Filter: \d{3}/);
    } finally {
      await close();
    }
  },
);

// Mutation: an index on what each settlement changes, such as the state.
it('claims that are settled stay HOT: no index is touched', async () => {
  const { schema, pool, open, close } = await scratchSchema({ max: 1 });
  try {
    for (let n = 0; n < 50; n++) await rowIn(open(), 'committed');
    await pool.query('select pg_stat_force_next_flush()');
    const counted = await pool.query(
      `select n_tup_upd::integer as updates, n_tup_hot_upd::integer as hot from pg_stat_user_tables
       where schemaname = $1 and relname = 'receipts'`,
      [schema],
    );
    expect(counted.rows).toEqual([{ updates: 50, hot: 50 }]);
  } finally {
    await close();
  }
});
