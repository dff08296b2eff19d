/** Receipts in Postgres through `pg`. */
import { Pool, type PoolClient, type PoolConfig } from 'pg';

import { poolSizeOf, type Driver, type Run } from './postgres/driver';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/** The part of a `pg` client or pool that is used. */
interface Queryable {
  query(query: {
    name?: string;
    text: string;
    values: unknown[];
  }): Promise<{ rows: Record<string, unknown>[] }>;
}

/** The part of a `pg` pool that is used: any copy and any wrapper of it will do. */
export interface PgPoolLike extends Queryable {
  connect(): Promise<
    Queryable & {
      query(text: string): Promise<unknown>;
      on(event: 'error', listener: () => void): unknown;
      off(event: 'error', listener: () => void): unknown;
      release(error?: Error | boolean): void;
    }
  >;
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
): PostgresReceipts<PoolClient> {
  const own = 'query' in poolOrConfig ? undefined : newPool(poolOrConfig);
  const pool: PgPoolLike = own ?? (poolOrConfig as PgPoolLike);
  const driver: Driver<PoolClient> = {
    poolSize: poolSizeOf(pool),
    run: runOn(pool),
    transaction: (work) => transaction(pool, work),
    script: async (text) => transaction(pool, async (client) => void (await client.query(text))),
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

const runOn =
  (on: Queryable): Run =>
  async ({ name, text }, parameters) => {
    const values = parameters.map((p) =>
      p instanceof Uint8Array && !Buffer.isBuffer(p) ? Buffer.from(p) : p,
    );
    return (await on.query({ name, text, values })).rows;
  };

async function transaction<T>(
  pool: PgPoolLike,
  work: (client: PoolClient, run: Run) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // The pool listens to idle connections only: unheard, one that breaks in use would end the process.
  const onError = (): void => void (broken = true);
  client.on('error', onError);
  try {
    await client.query('begin');
    const value = await work(client as PoolClient, runOn(client));
    const ended = (await client.query('commit')) as { command?: unknown } | undefined;
    // Postgres does not refuse to commit what a query that nobody awaited has aborted: it says what it did.
    if (ended?.command === 'ROLLBACK')
      throw new Error('A failed query had aborted the transaction, so it was rolled back.');
    return value;
  } catch (error) {
    await client.query('rollback').catch(() => (broken = true));
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
