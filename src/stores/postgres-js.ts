/** Receipts in Postgres through `postgres` (postgres.js). */
import postgres, { type Options } from 'postgres';

import type { Driver } from './postgres/driver';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/* eslint-disable @typescript-eslint/no-explicit-any -- the types of postgres.js depend on the custom types of each `sql` */
/** The part of a postgres.js `sql` that is used: any copy of it will do. */
export interface PostgresSqlLike {
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PromiseLike<readonly object[]>;
  begin(work: (transaction: any) => Promise<void>): Promise<unknown>;
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
): PostgresReceipts {
  const own = typeof sqlOrUrl === 'function' ? undefined : open(sqlOrUrl as string | Options<never>);
  const sql = own ?? (sqlOrUrl as PostgresSqlLike);
  const driver: Driver = {
    // A query of postgres.js runs when it is awaited.
    run: async ({ text }, parameters) =>
      (await sql.unsafe(text, [...parameters], { prepare: true })) as readonly Record<string, unknown>[],
    script: async (text) => {
      await sql.begin(async (transaction: Pick<PostgresSqlLike, 'unsafe'>) => {
        await transaction.unsafe(text);
      });
    },
    close: async () => own?.end(),
  };
  return new PostgresReceipts(driver, options);
}

/** Seconds; a connection that cannot be had by then counts as away, and the engine asks again. */
const connectTimeout = 5;

function open(from: string | Options<never>): PostgresSqlLike {
  const defaults = { connect_timeout: connectTimeout, onnotice: () => undefined };
  return typeof from === 'string' ? postgres(from, defaults) : postgres({ ...defaults, ...from });
}
