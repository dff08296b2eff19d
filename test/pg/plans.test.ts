/** Plans that were made while the table was small, and are kept. */
import { newId, requestFor } from '../contract/rows';
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
