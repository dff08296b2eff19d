/** A schema whose receipts, evidence and queue are divided by the hash of the key: what a database does that shards them. */
import { scratchSchema, type ScratchSchema } from './scratch-schema';

/** Each with its primary key, which has to hold the key. */
const divided = { receipts: 'key', evidence: 'key, id', queue: 'key' } as const;
const parts = 4;

export async function partitionedSchema(): Promise<ScratchSchema> {
  const there = await scratchSchema();
  for (const [table, primaryKey] of Object.entries(divided)) await divide(there, table, primaryKey);
  return there;
}

async function divide({ pool, schema }: ScratchSchema, table: string, primaryKey: string): Promise<void> {
  const whole = `"${schema}".${table}`;
  const textsOf = async (query: string): Promise<string[]> =>
    (await pool.query<{ text: string }>(query)).rows.map(({ text }) => text);
  const rest = [
    ...(await textsOf(
      `select pg_get_indexdef(indexrelid) as text from pg_index where indrelid = '${whole}'::regclass and not indisprimary`,
    )),
    ...(await textsOf(
      `select pg_get_triggerdef(oid) as text from pg_trigger where tgrelid = '${whole}'::regclass and not tgisinternal`,
    )),
  ];
  const partitions = Array.from(
    { length: parts },
    (_, n) => `create table "${schema}".${table}_p${n} partition of "${schema}".divided
for values with (modulus ${parts}, remainder ${n}) with (fillfactor = 50)`,
  );
  await pool.query(
    [
      `create table "${schema}".divided (like ${whole} including all excluding indexes) partition by hash (key)`,
      `alter table "${schema}".divided add primary key (${primaryKey})`,
      ...partitions,
      `drop table ${whole}`,
      `alter table "${schema}".divided rename to ${table}`,
      ...rest,
    ].join(';\n'),
  );
}
