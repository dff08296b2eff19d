/** A schema of one's own in the test database, dropped at the end. */
import { randomBytes } from 'node:crypto';

import { Pool, type PoolConfig } from 'pg';

import { pgReceipts, type PostgresReceipts } from '../../src/stores/pg';

/** The test database; the global set-up names it. */
export function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set: run the tests by npm test');
  return url;
}

/** A pool whose broken connections end no process. */
export function newPool(config: PoolConfig = {}): Pool {
  const { connectionString = databaseUrl() } = config;
  const pool = new Pool({ max: 4, ...config, connectionString });
  pool.on('error', () => undefined);
  return pool;
}

export interface ScratchSchema {
  readonly schema: string;
  readonly pool: Pool;
  open(namespace?: string): PostgresReceipts;
  /** Makes all claims and sweeps two minutes older. */
  age(): Promise<void>;
  close(): Promise<void>;
}

export const newSchemaName = (): string => `test_${randomBytes(6).toString('hex')}`;

/** Writes what nobody else may: receipts older than they are. */
export const rewrite = async (pool: Pool, sql: string): Promise<unknown> =>
  pool.query(`begin; set local session_replication_role = replica; ${sql}; commit`);

/** @param installed whether the tables are there already */
export async function scratchSchema({ installed = true, max = 8 } = {}): Promise<ScratchSchema> {
  const schema = newSchemaName();
  const pool = newPool({ max });
  const open = (namespace = 'default'): PostgresReceipts => pgReceipts(pool, { schema, namespace });
  if (installed) await open().migrate();
  const close = async (): Promise<void> => {
    await pool.query(`drop schema if exists "${schema}" cascade`);
    await pool.end();
  };
  const age = async (): Promise<void> => {
    for (const [table, column] of [
      ['receipts', 'claimed_at'],
      ['sweeps', 'swept_until'],
    ] as const)
      await rewrite(pool, `update "${schema}".${table} set ${column} = ${column} - interval '2 minutes'`);
  };
  return { schema, pool, open, age, close };
}
