/** Receipts whose database has a planted password, and refuses some rows by quoting them. */
import type { Pool } from 'pg';

import { postgresReceipts } from '../../src/stores/postgres-js';
import { pgReceipts, type PostgresReceipts } from '../../src/stores/pg';
import { planted } from './planted-secrets';
import { scratchRole } from './scratch-role';
import { scratchSchema, type ScratchSchema } from './scratch-schema';

/** The action whose outcomes the database refuses, with a detail that quotes the row. */
export const refusedAction = 'planted_refusal';
/** The same of evidence. */
export const refusedSource = 'planted-refusal';
/** What stands in each such error. */
export const refusedBy = 'no_planted_outcome';

export interface PlantedWorld {
  readonly scratch: ScratchSchema;
  /** With the planted password. */
  readonly url: string;
  readonly pg: PostgresReceipts;
  /** With postgres.js, as somebody uses it who debugs: its errors then show all that they hold. */
  readonly postgresJs: PostgresReceipts;
  close(): Promise<void>;
}

/** Everything in all tables, as text. */
export async function everyRow(
  pool: Pool,
  schema: string,
  outcomes: 'with outcomes' | 'without outcomes' = 'with outcomes',
): Promise<string> {
  const tables = await pool.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = '${schema}'`,
  );
  const left = outcomes === 'without outcomes' ? ` - 'outcome'` : '';
  const rows = tables.rows.map(async ({ name }) => {
    const text = `select (to_jsonb(t)${left})::text as row from "${schema}"."${name}" t`;
    return (await pool.query<{ row: string }>(text)).rows.map(({ row }) => `${name}: ${row}`);
  });
  return (await Promise.all(rows)).flat().join('\n');
}

export async function plantedWorld(): Promise<PlantedWorld> {
  const scratch = await scratchSchema();
  const { pool, schema } = scratch;
  await pool.query(`alter table "${schema}".receipts add constraint ${refusedBy}
    check (action <> '${refusedAction}' or outcome is null)`);
  await pool.query(`alter table "${schema}".evidence add constraint ${refusedBy}
    check (source <> '${refusedSource}' or outcome is null)`);
  const { url: few, drop } = await scratchRole(scratch);
  const url = Object.assign(new URL(few), { password: planted.password });
  await pool.query(`alter role ${url.username} password '${planted.password}'`);
  const pg = pgReceipts({ connectionString: url.href, max: 4 }, { schema });
  const { hostname: host, port, username, pathname } = url;
  const options = { host, port: Number(port), username, password: planted.password, debug: true };
  const postgresJs = postgresReceipts({ ...options, database: pathname.slice(1), max: 2 }, { schema });
  return {
    ...{ scratch, url: url.href, pg, postgresJs },
    close: async () => {
      await pg.close();
      await postgresJs.close();
      await drop();
      await scratch.close();
    },
  };
}
