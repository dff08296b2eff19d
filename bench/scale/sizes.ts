/** What receipts take on the disk, and whether there is room for them. */
import type { Guarded } from '../contenders';

/** Per receipt, in bytes. */
export interface Sizes {
  readonly heap: number;
  readonly toast: number;
  readonly indexes: Readonly<Record<string, number>>;
  readonly total: number;
}

export async function sizesOf({ pool, schema }: Guarded, rows: number): Promise<Sizes> {
  const table = `'${schema}.receipts'::regclass`;
  const [whole] = (
    await pool.query<{ heap: string; toast: string; total: string }>(
      `select pg_relation_size(${table}) as heap, pg_total_relation_size(${table}) as total,
  coalesce((select pg_total_relation_size(c.reltoastrelid) from pg_class c where c.oid = ${table} and c.reltoastrelid <> 0), 0) as toast`,
    )
  ).rows;
  const indexes = await pool.query<{ name: string; size: string }>(
    `select indexrelid::regclass::text as name, pg_relation_size(indexrelid) as size from pg_index where indrelid = ${table} order by 1`,
  );
  const each = (bytes: string | undefined): number => Number(bytes) / rows;
  return {
    heap: each(whole?.heap),
    toast: each(whole?.toast),
    indexes: Object.fromEntries(
      indexes.rows.map(({ name, size }) => [name.replace(/^.*\./, ''), each(size)]),
    ),
    total: each(whole?.total),
  };
}

/** More than was ever seen, and room for the log. */
const bytesPerRow = 1900;
const bytesBeside = 8e9;

/** @returns why so many rows will not do */
export function roomProblem(rows: number, freeBytes: number, folder: string): string | undefined {
  const needed = rows * bytesPerRow + bytesBeside;
  if (freeBytes >= needed) return undefined;
  const gb = (bytes: number): string => `${(bytes / 1e9).toFixed(0)} GB`;
  const most = Math.max(0, Math.floor((freeBytes - bytesBeside) / bytesPerRow));
  return (
    `${rows} receipts need about ${gb(needed)} in ${folder}, where ${gb(freeBytes)} are free. ` +
    `Nothing was started: make room, or ask for ${most} rows at most.`
  );
}
