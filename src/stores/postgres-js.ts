/** Receipts in Postgres through `postgres` (postgres.js). */
import { setTimeout as delay } from 'node:timers/promises';

import postgres, { type Options, type TransactionSql } from 'postgres';

import { poolSizeOf, type Driver, type Run } from './postgres/driver';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/* eslint-disable @typescript-eslint/no-explicit-any -- the types of postgres.js depend on the custom types of each `sql` */
/** The part of a postgres.js `sql` that is used: any copy of it will do. */
export interface PostgresSqlLike {
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PromiseLike<readonly object[]>;
  begin(work: (transaction: any) => any): Promise<any>;
  end(options?: { timeout?: number }): Promise<void>;
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/**
 * Keeps receipts in Postgres.
 * @param sqlOrUrl a `sql` of yours, which stays yours to end; or a connection URL or options, for a pool that
 *   `close()` ends
 */
export function postgresReceipts(
  sqlOrUrl: PostgresSqlLike | string | Options<never>,
  options?: PostgresReceiptsOptions,
): PostgresReceipts<TransactionSql> {
  const own = typeof sqlOrUrl === 'function' ? undefined : open(sqlOrUrl as string | Options<never>);
  const sql = own ?? (sqlOrUrl as PostgresSqlLike);
  const driver: Driver<TransactionSql> = {
    poolSize: poolSizeOf(sql),
    run: runOn(sql),
    transaction: (work) => transaction(sql, work),
    script: async (text) => {
      await sql.begin(async (tx: TransactionSql) => void (await tx.unsafe(text)));
    },
    // A connection that died is waited for, for ever unless told.
    close: async () => own?.end({ timeout: endTimeout }),
  };
  return new PostgresReceipts(driver, options);
}

const runOn =
  (sql: Pick<PostgresSqlLike, 'unsafe'>): Run =>
  async ({ text }, parameters) =>
    // A query of postgres.js runs when it is awaited.
    (await sql.unsafe(text, [...parameters], { prepare: true })) as readonly Record<string, unknown>[];

/** SQLSTATE classes and codes, and codes of postgres.js, after which the connection is gone or about to go. */
const connectionGone = /^(08|57P|25P0[34]|CONNECT|ECONN|EPIPE)/;

/** Milliseconds; begin() knows of a lost connection by then. */
const closesWithin = 1000;

/**
 * Runs `work` in a transaction, of which nothing more is sent once its connection is gone. postgres.js 3.4.9 would send
 * its rollback into the closed socket, which ends the process (porsager/postgres#1208), and what `work` still asks for
 * over the new connection, outside of any transaction (#1216).
 */
function transaction<T>(
  sql: PostgresSqlLike,
  work: (tx: TransactionSql, run: Run) => Promise<T>,
): Promise<T> {
  let isOver = false;
  const assertOpen = (): void => {
    if (isOver) throw Object.assign(new Error('the transaction is over'), { code: 'CONNECTION_CLOSED' });
  };
  const begun = sql.begin((tx: TransactionSql) => {
    const guarded = whileOpen(tx, assertOpen);
    return work(guarded, runOn(guarded)).catch(async (error: { code?: unknown }) => {
      if (typeof error.code !== 'string' || !connectionGone.test(error.code)) throw error;
      // begin() itself rejects when the connection closes. If it does not, another service's connection was lost.
      await delay(closesWithin);
      if (!isOver) throw error;
      return new Promise<never>(() => undefined);
    });
  }) as Promise<T>;
  return begun.finally(() => (isOver = true));
}

/** `tx`, refusing every call once the transaction is over. */
const whileOpen = (tx: TransactionSql, assertOpen: () => void): TransactionSql =>
  new Proxy(tx, {
    apply: (target, self, parameters) => {
      assertOpen();
      return Reflect.apply(target, self, parameters) as unknown;
    },
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]) => {
        assertOpen();
        return Reflect.apply(value, target, parameters) as unknown;
      };
    },
  });

/** Seconds. */
const endTimeout = 5;

/** Seconds; a connection that cannot be had by then counts as away, and the engine asks again. */
const connectTimeout = 5;

function open(from: string | Options<never>): PostgresSqlLike {
  const defaults = { connect_timeout: connectTimeout, onnotice: () => undefined };
  return typeof from === 'string' ? postgres(from, defaults) : postgres({ ...defaults, ...from });
}
