/** Receipts in Postgres through `pg`. */
import { Pool, type PoolConfig } from 'pg';

import type { Driver } from './postgres/driver';
import { whilePrepared } from './postgres/prepared';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/** The part of a `pg` pool that is used: any copy and any wrapper of it will do. */
export interface PgPoolLike {
  query(query: {
    name?: string;
    text: string;
    values: unknown[];
    query_timeout?: number;
  }): Promise<{ rows: Record<string, unknown>[] }>;
  connect(): Promise<{ query(text: string): Promise<unknown>; release(error?: Error | boolean): void }>;
  end(): Promise<void>;
}

/** A connection that cannot be had by then counts as away; the engine asks again. */
const connectionTimeoutMillis = 5000;

/**
 * Keeps receipts in Postgres.
 * @param poolOrConfig a pool of yours, which stays yours to end; or a `pg` pool configuration, for a pool that
 *   `close()` ends
 */
export function pgReceipts(
  poolOrConfig: PgPoolLike | PoolConfig,
  options?: PostgresReceiptsOptions,
): PostgresReceipts {
  const own = 'query' in poolOrConfig ? undefined : newPool(poolOrConfig);
  const pool: PgPoolLike = own ?? (poolOrConfig as PgPoolLike);
  const driver: Driver = {
    run: whilePrepared(async ({ name, text, limitMs }, parameters, prepared) => {
      const values = parameters.map((p) =>
        p instanceof Uint8Array && !Buffer.isBuffer(p) ? Buffer.from(p) : p,
      );
      // On a time-out the pool also closes the connection: a half-open one would be lost to it for many minutes.
      const limit = limitMs === undefined ? {} : { query_timeout: limitMs };
      return (await pool.query({ ...(prepared ? { name } : {}), ...limit, text, values })).rows;
    }, options?.prepare),
    script: (text) => runScript(pool, text),
    close: async () => own?.end(),
  };
  return new PostgresReceipts(driver, options);
}

function newPool(config: PoolConfig): Pool {
  const pool = new Pool({ connectionTimeoutMillis, application_name: 'activity-guard', ...config });
  // An idle connection that breaks is replaced by the pool; unheard, its 'error' event would end the process.
  pool.on('error', () => undefined);
  return pool;
}

async function runScript(pool: PgPoolLike, text: string): Promise<void> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(`begin;\n${text}\ncommit;`);
  } catch (error) {
    await client.query('rollback').catch(() => (broken = true));
    throw error;
  } finally {
    client.release(broken);
  }
}
