/** Receipts in Postgres through `pg`. */
import { Pool, type PoolClient, type PoolConfig } from 'pg';

import { InvalidRequestError } from '../core';
import { poolSizeOf, stepLimitMs, type Driver, type Run, type TransactionParts } from './postgres/driver';
import { whilePrepared, type RunStatement } from './postgres/prepared';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';
import { whileOpen } from './postgres/while-open';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/** The part of a `pg` client or pool that is used. */
interface Queryable {
  query(query: Query): Promise<{ rows: Record<string, unknown>[] }>;
}

interface Query {
  text: string;
  values: unknown[];
  name?: string;
  query_timeout?: number;
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
 * @throws InvalidRequestError for anything else, such as a connection string alone
 */
export function pgReceipts(
  poolOrConfig: PgPoolLike | PoolConfig,
  options?: PostgresReceiptsOptions,
): PostgresReceipts<PoolClient> {
  // Not quoted: a connection string holds a password.
  if (typeof poolOrConfig !== 'object' || (poolOrConfig as unknown) === null)
    throw new InvalidRequestError(
      'pgReceipts takes a pool of pg, or what one is made of: pgReceipts({ connectionString }).',
    );
  const own = 'query' in poolOrConfig ? undefined : newPool(poolOrConfig);
  const pool: PgPoolLike = own ?? (poolOrConfig as PgPoolLike);
  const driver: Driver<PoolClient> = {
    poolSize: poolSizeOf(pool),
    run: whilePrepared(runOn(pool), options?.prepare),
    transaction: (parts) => transaction(pool, parts),
    script: (text) => transaction(pool, { work: async (client) => void (await client.query(text)) }),
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
  (on: Queryable): RunStatement =>
  async ({ name, text, limitMs }, parameters, prepared) => {
    const values = parameters.map((p) =>
      p instanceof Uint8Array && !Buffer.isBuffer(p) ? Buffer.from(p) : p,
    );
    // On a time-out the pool also closes the connection: a half-open one would be lost to it for many minutes.
    const query: Query = { text, values };
    if (prepared) query.name = name;
    if (limitMs !== undefined) query.query_timeout = limitMs;
    return (await on.query(query)).rows;
  };

/** Whatever the role's default: a snapshot that is older than the last renewal of its claim could not write the receipt. */
const begin = 'begin isolation level read committed';

/** Of a connection that may be half open; also what waits behind a statement that was given up. */
const bounded = (text: string): Query => ({ text, values: [], query_timeout: stepLimitMs });

async function transaction<T>(
  pool: PgPoolLike,
  { first, work, last }: TransactionParts<PoolClient, T>,
): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  // The pool listens to idle connections only: unheard, one that breaks in use would end the process.
  const onError = (): void => void (broken = true);
  client.on('error', onError);
  // Not prepared: behind a pooler it may be lost, and in a transaction nothing can be tried again.
  const runs = runOn(client);
  const run: Run = (statement, parameters) => runs(statement, parameters, false);
  let isOpen = true;
  try {
    await client.query(bounded(begin));
    await first?.(run);
    const lent = whileOpen(client as PoolClient, () => isOpen);
    const value = await work(lent).finally(() => (isOpen = false));
    await last?.(run, value);
    const ended = (await client.query(bounded('commit'))) as { readonly command?: string };
    if (ended.command === 'COMMIT') return value;
    // Postgres does not refuse to commit what a query that nobody awaited has aborted: it says what it did.
    throw new Error('A query had failed in the transaction, so it was rolled back.');
  } catch (error) {
    await client.query(bounded('rollback')).catch(() => (broken = true));
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
