/** Plans that were made while the table was small, and are kept. */
import { statements } from '../../src/stores/postgres/statements';
import { newId, requestFor } from '../contract/rows';
import { scratchSchema } from '../support/scratch-schema';

// Mutation: without `read_by_key` all of the table is read, and joined in any order of keys.
it('many settlements are looked up by key, also by a plan for few receipts', async () => {
  const { schema, pool, open, close } = await scratchSchema();
  const client = await pool.connect();
  try {
    const store = open();
    await Promise.all(Array.from({ length: 100 }, () => store.claim(requestFor(newId()))));
    await pool.query(`analyze "${schema}".receipts`);
    const { text } = statements(`"${schema}"`).settleHeldMany;
    const values = [...new Set(text.match(/\$\d+/g))].map(() => 'null').join(', ');
    await client.query(`set plan_cache_mode = force_generic_plan; prepare many as ${text}`);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain execute many (${values})`);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index Scan using receipts_pkey/);
    expect(plan).not.toMatch(/Seq Scan on receipts/);
  } finally {
    client.release(true);
    await close();
  }
});
