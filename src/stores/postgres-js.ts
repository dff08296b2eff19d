/** Receipts in Postgres through `postgres` (postgres.js). */
import postgres, { type Options, type TransactionSql } from 'postgres';

import type { Driver, Run } from './postgres/driver';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/* eslint-disable @typescript-eslint/no-explicit-any -- the types of postgres.js depend on the custom types of each `sql` */
/** The part of a postgres.js `sql` that is used: any copy of it will do. */
export interface PostgresSqlLike {
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PromiseLike<readonly object[]>;
  begin(work: (transaction: any) => any): Promise<any>;
  end(): Promise<void>;
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
    run: runOn(sql),
    transaction: async <T>(work: (tx: TransactionSql, run: Run) => Promise<T>) =>
      (await sql.begin((tx: TransactionSql) => work(tx, runOn(tx)))) as T,
    script: async (text) => {
      await sql.begin(async (tx: TransactionSql) => void (await tx.unsafe(text)));
    },
    close: async () => own?.end(),
  };
  return new PostgresReceipts(driver, options);
}

const runOn =
  (sql: Pick<PostgresSqlLike, 'unsafe'>): Run =>
  async ({ text }, parameters) =>
    // A query of postgres.js runs when it is awaited.
    (await sql.unsafe(text, [...parameters], { prepare: true })) as readonly Record<string, unknown>[];

/** Seconds; a connection that cannot be had by then counts as away, and the engine asks again. */
const connectTimeout = 5;

function open(from: string | Options<never>): PostgresSqlLike {
  const defaults = { connect_timeout: connectTimeout, onnotice: () => undefined };
  return typeof from === 'string' ? postgres(from, defaults) : postgres({ ...defaults, ...from });
}
