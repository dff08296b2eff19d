/** Filling the table: copies of a receipt that was made by a real call, put in by the server itself. */
import type { Pool } from 'pg';

import type { Guarded } from '../contenders';
import { drive } from '../measure';
import { oursOn } from '../ours';
import { filledIdSql, freshId, keySql, origin, payload, resultOf } from './receipts';

const rowsAtOnce = 500_000;
/** How many real calls show how tightly receipts lie in the table. */
const sampleMs = 2000;
/** Claims were made within this time. */
const days = 90;

/** What the fill did. */
export interface Filled {
  readonly rows: number;
  readonly unknown: number;
  /** Made by real calls beforehand. */
  readonly sampled: number;
  readonly seconds: number;
  /** Heap that a receipt took which was claimed and settled by real calls, 32 at once. */
  readonly sampledHeapBytes: number;
  readonly fillfactor: number;
}

/** Outcomes that nobody knows, among the settled ones. */
export const unknownOf = (rows: number): number => Math.min(100, Math.floor(rows / 100));

/**
 * A receipt that is claimed and then settled leaves its first version behind in its page, for the next one to use. Inserted as
 * they end, receipts would lie less tightly; so they are put in with a fill factor that gives what real calls gave.
 */
export async function fill(
  guarded: Guarded,
  { rows, isOurServer, say }: { rows: number; isOurServer: boolean; say: (line: string) => void },
): Promise<Filled> {
  const { pool, schema } = guarded;
  const { template, ...sample } = await sampleOf(guarded);
  const usual = await fillfactorOf(pool, schema);
  const begun = performance.now();
  await pool.query(
    `alter table ${schema}.receipts set (fillfactor = ${sample.fillfactor}, autovacuum_enabled = off)`,
  );
  if (isOurServer) await writeInBulk(pool);
  await pool.query(
    `set synchronous_commit = off; set work_mem = '256MB'; set max_parallel_workers_per_gather = 0`,
  );
  const copies = await copying(guarded, template, rows);
  for (let from = 1; from <= rows; from += rowsAtOnce) {
    const to = Math.min(rows, from + rowsAtOnce - 1);
    await copies(from, to);
    const seconds = (performance.now() - begun) / 1000;
    say(`filled ${to.toLocaleString('en-US')} (${Math.round(to / seconds).toLocaleString('en-US')}/s)`);
  }
  const unknown = unknownOf(rows);
  await copies(rows + 1, rows + unknown, unknownValues);
  await pool.query(`reset synchronous_commit; reset work_mem; reset max_parallel_workers_per_gather`);
  await pool.query(
    `alter table ${schema}.receipts set (fillfactor = ${usual}); alter table ${schema}.receipts reset (autovacuum_enabled)`,
  );
  say('vacuum, analyze and checkpoint, as the server would have by then');
  await pool.query(`vacuum (analyze) ${schema}.receipts`);
  if (isOurServer) await pool.query('alter system reset all');
  await pool.query('select pg_reload_conf()');
  await pool.query('checkpoint');
  return { rows, unknown, ...sample, seconds: (performance.now() - begun) / 1000 };
}

/** Full pages in the log, and checkpoints, are for what is measured, not for the filling. */
async function writeInBulk(pool: Pool): Promise<void> {
  await pool.query('alter system set full_page_writes = off');
  await pool.query(`alter system set max_wal_size = '4GB'`);
  await pool.query('select pg_reload_conf()');
}

async function fillfactorOf(pool: Pool, schema: string): Promise<number> {
  const { rows } = await pool.query<{ value: string }>(
    `select option_value as value from pg_class c, pg_options_to_table(c.reloptions)
where c.oid = '${schema}.receipts'::regclass and option_name = 'fillfactor'`,
  );
  return Number(rows[0]?.value ?? 100);
}

async function sampleOf({ store, pool, schema }: Guarded) {
  const run = oursOn(store, origin);
  let [sampled, template] = [0, ''];
  const op = () => {
    const id = freshId();
    [sampled, template] = [sampled + 1, id];
    return run(id, payload, () => resultOf(id));
  };
  await drive(op, { concurrency: 32, warmMs: 0, ms: sampleMs });
  const { rows } = await pool.query<{ heap: string; row: string }>(
    `select pg_relation_size('${schema}.receipts') as heap, avg(pg_column_size(r.*)) as row from ${schema}.receipts r`,
  );
  const sampledHeapBytes = Number(rows[0]?.heap) / sampled;
  // 8 kB less the page's header; each row has a pointer of its own.
  const fillfactor = Math.round((100 * (Number(rows[0]?.row) + 4)) / sampledHeapBytes);
  return { template, sampled, sampledHeapBytes, fillfactor: Math.min(100, Math.max(50, fillfactor)) };
}

/** Columns of a filled receipt that are its own. */
const settledValues: Readonly<Record<string, string>> = {
  key: 'made.key',
  request_id: 'made.id',
  token: 'gen_random_uuid()',
  claimed_at: 'made.claimed_at',
  lease_until: `made.claimed_at + interval '1 minute'`,
  settled_at: `made.claimed_at + interval '1 second'`,
  outcome: `convert_to(replace(convert_from(t.outcome, 'UTF8'), t.request_id, made.id), 'UTF8')`,
};
const unknownValues = { state: `'unknown'`, settled_at: 'null', outcome_format: 'null', outcome: 'null' };

/**
 * Copies a real receipt, whatever columns there are, for each number. In the order of their keys, which are hashes: so fewer
 * pages of the index are visited at once, and the table is in the order of the claims, as ever.
 */
async function copying({ pool, schema }: Guarded, template: string, rows: number) {
  const { rows: columns } = await pool.query<{ name: string }>(
    `select attname as name from pg_attribute
where attrelid = '${schema}.receipts'::regclass and attnum > 0 and not attisdropped order by attnum`,
  );
  return async (from: number, to: number, more: Readonly<Record<string, string>> = {}): Promise<void> => {
    if (to < from) return;
    const values: Readonly<Record<string, string>> = { ...settledValues, ...more };
    await pool.query(
      `insert into ${schema}.receipts (${columns.map(({ name }) => name).join(', ')})
select ${columns.map(({ name }) => values[name] ?? `t.${name}`).join(', ')}
from (select * from ${schema}.receipts where request_id = $3::text) t, (
  select ids.id, ids.key, now() - interval '1 hour' - interval '${days} days'
    + ($1::bigint + row_number() over (order by ids.key)) / $4::float8 * interval '${days} days' as claimed_at
  from (select id, ${keySql('id')} as key from (select ${filledIdSql('n')} as id from generate_series($1::bigint, $2::bigint) n) n) ids
  order by ids.key
) made order by made.key`,
      [from, to, template, rows + unknownOf(rows)],
    );
  };
}
