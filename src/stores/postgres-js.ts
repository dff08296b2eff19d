/** Receipts in Postgres through `postgres` (postgres.js). */
import { setTimeout as delay } from 'node:timers/promises';

import postgres, { type Options, type TransactionSql } from 'postgres';

import { inTime, InvalidRequestError } from '../core';
import { systemClock } from '../system-clock';
import { poolSizeOf, type Driver, type Row, type Run, type TransactionParts } from './postgres/driver';
import { whilePrepared } from './postgres/prepared';
import { PostgresReceipts, type PostgresReceiptsOptions } from './postgres/store';
import { whileOpen } from './postgres/while-open';

export type { PostgresReceipts, PostgresReceiptsOptions } from './postgres/store';

/* eslint-disable @typescript-eslint/no-explicit-any -- the types of postgres.js depend on the custom types of each `sql` */
/** The part of a postgres.js `sql` that is used: any copy of it will do. */
export interface PostgresSqlLike {
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PromiseLike<readonly object[]>;
  begin(options: string, work: (transaction: any) => any): Promise<any>;
  end(options?: { timeout?: number }): Promise<void>;
  readonly options?: { readonly prepare?: boolean };
}
/* eslint-enable @typescript-eslint/no-explicit-any */

/**
 * Keeps receipts in Postgres.
 *
 * postgres.js 3.4.9 asks for array types as it connects, and where the connection is cut just then leaves the failure
 * unhandled, which ends the process. With `fetch_types: false` in its options it does not ask, and your transactions get
 * arrays as text. What such an end leaves is resolved as after any other crash.
 * @param sqlOrUrl a `sql` of yours, which stays yours to end; or a connection URL or options, for a pool that
 *   `close()` ends
 */
export function postgresReceipts(
  sqlOrUrl: PostgresSqlLike | string | Options<never>,
  options?: PostgresReceiptsOptions,
): PostgresReceipts<TransactionSql> {
  const isOwn = typeof sqlOrUrl !== 'function';
  let prepares = options?.prepare !== false;
  const reopen = (): PostgresSqlLike => open(sqlOrUrl as string | Options<never>, prepares);
  let sql = isOwn ? reopen() : (sqlOrUrl as PostgresSqlLike);
  /** postgres.js knows no time-out: it would go on sending to a half-open connection for many minutes. */
  const replace = (stuck: PostgresSqlLike): void => {
    if (!isOwn || sql !== stuck) return;
    sql = reopen();
    stuck.end({ timeout: 0 }).catch(() => undefined);
  };
  let direct: Promise<boolean> | undefined = options?.prepare ? Promise.resolve(true) : undefined;
  const keepsPrepared = async (asked: PostgresSqlLike): Promise<boolean> => {
    const answer = (direct ??= isDirect(asked));
    try {
      return await answer;
    } catch (error) {
      direct = undefined; // no answer: asked again next time
      throw error;
    }
  };
  /** The `sql` whose own `commit` is not prepared where that could be lost: it would roll back, and say nothing. */
  const committing = async (): Promise<PostgresSqlLike> => {
    if (sql.options?.prepare === false || (await keepsPrepared(sql))) return sql;
    if (!isOwn) throw behindPooler();
    prepares = false;
    replace(sql);
    return sql;
  };
  const inTransaction: Driver<TransactionSql>['transaction'] = async (parts) => {
    const asked = await committing();
    return transaction(asked, parts).catch((error: unknown) => {
      // After a connection that died in a transaction postgres.js 3.4.9 may never get that place of its pool back.
      if (isConnectionGone(error)) replace(asked);
      throw error;
    });
  };
  const driver: Driver<TransactionSql> = {
    poolSize: poolSizeOf(sql),
    // A query of postgres.js runs when it is awaited. It names prepared statements itself, at random per connection.
    run: whilePrepared(async ({ text, limitMs }, parameters, prepared) => {
      const asked = sql;
      const ask = async (): Promise<readonly Row[]> => {
        const prepare = prepared && (await keepsPrepared(asked));
        return (await asked.unsafe(text, [...parameters], { prepare })) as readonly Row[];
      };
      if (limitMs === undefined) return ask();
      return inTime(systemClock, limitMs, ask(), () => {
        replace(asked);
        return overdue(limitMs);
      });
    }, options?.prepare),
    transaction: inTransaction,
    script: (text) => inTransaction({ work: async (tx) => void (await tx.unsafe(text)) }),
    // Unbounded, its end waits for a database that is away, and for connections that died.
    close: async () => (isOwn ? sql.end({ timeout: closeTimeout }) : undefined),
  };
  return new PostgresReceipts(driver, options);
}

const notAnAddress = (): InvalidRequestError =>
  new InvalidRequestError(
    'What was given to postgresReceipts() is not the URL of a database. In user and password, write / ? # % and the like with encodeURIComponent().',
  );

const overdue = (ms: number): Error =>
  Object.assign(new Error(`no answer within ${ms} ms`), { code: 'ETIMEDOUT' });

const behindPooler = (): InvalidRequestError =>
  new InvalidRequestError(
    'Between postgres.js and the database is a pooler that may lose prepared statements, and with them the commit of a transaction. ' +
      'Make your sql with prepare: false, or say postgresReceipts(sql, { prepare: true }) if the pooler keeps them.',
  );

/**
 * Whether the server process is the one that the connection was told of at its start. A pooler in between makes that
 * up, and may lose prepared statements; we cannot wait for that error as with `pg`, because postgres.js 3.4 repeats
 * the statement by itself on 26000 and then often never answers.
 */
async function isDirect(sql: PostgresSqlLike): Promise<boolean> {
  const rows = await sql.unsafe('select pg_backend_pid() as pid', [], { prepare: false });
  const { state } = rows as { state?: { readonly pid?: number } | null };
  return Number((rows[0] as { readonly pid?: unknown } | undefined)?.pid) === state?.pid;
}

/** SQLSTATE classes and codes, and codes of postgres.js, after which the connection is gone or about to go. */
const connectionGone = /^(08|57P|25P0[34]|CONNECT|ECONN|EPIPE|TRANSACTION_OVER)/;

const isConnectionGone = (error: unknown): boolean =>
  connectionGone.test(String((error as { code?: unknown } | null)?.code));

/** Milliseconds; begin() knows of a lost connection by then. */
const closesWithin = 1000;

/**
 * Runs a transaction, of which nothing more is sent once its connection is gone. postgres.js 3.4.9 would send its
 * rollback into the closed socket, which ends the process (porsager/postgres#1208), and what `work` still asks for over
 * the new connection, outside of any transaction (#1216).
 */
async function transaction<T>(
  sql: PostgresSqlLike,
  { first, work, last }: TransactionParts<TransactionSql, T>,
): Promise<T> {
  let isOver = false;
  let isLent = true;
  let id: unknown;
  const begun = sql.begin('isolation level read committed', (tx: TransactionSql) => {
    const ours = whileOpen(tx, () => !isOver);
    // Not prepared: behind a pooler it may be lost, and in a transaction nothing can be tried again.
    const run: Run = async ({ text }, parameters) =>
      (await ours.unsafe(text, [...parameters] as never[], { prepare: false })) as readonly Row[];
    const working = async (): Promise<T> => {
      await first?.(run);
      const lent = whileOpen(tx, () => !isOver && isLent);
      const value = await work(lent).finally(() => (isLent = false));
      await last?.(run, value);
      [{ id } = { id: null }] = await run(transactionId, []);
      return value;
    };
    return working().catch(async (error: unknown) => {
      if (!isConnectionGone(error)) throw error;
      // begin() itself rejects when the connection closes. If it does not, another service's connection was lost.
      await delay(closesWithin);
      if (!isOver) throw error;
      return new Promise<never>(() => undefined);
    });
  });
  try {
    const value = (await begun) as T;
    await assertCommitted(sql, id);
    return value;
  } finally {
    isOver = true;
  }
}

const transactionId = {
  name: 'transaction_id',
  text: 'select pg_current_xact_id_if_assigned()::text as id',
};

/** postgres.js does not look whether its commit was one: in a transaction that has failed it is a rollback. */
async function assertCommitted(sql: PostgresSqlLike, id: unknown): Promise<void> {
  if (id === null) return; // nothing was written
  const text = 'select pg_xact_status($1::text::xid8) as status';
  const [row] = (await sql.unsafe(text, [id], { prepare: false })) as readonly Row[];
  if (row?.['status'] === 'committed') return;
  throw Object.assign(new Error('the commit was answered, but the transaction was rolled back'), {
    code: 'TRANSACTION_ROLLED_BACK',
  });
}

/** Seconds; a connection that cannot be had by then counts as away, and the engine asks again. */
const connectTimeout = 5;

/** Seconds for what is still under way when the store is closed. */
const closeTimeout = 2;

/** Seconds before the next attempt to connect; left to itself postgres.js waits up to 20, with the database long back. */
const backoff = (tries: number): number => Math.min(3 ** tries / 100, 0.5);

function open(from: string | Options<never>, prepare: boolean): PostgresSqlLike {
  const defaults = { connect_timeout: connectTimeout, backoff, onnotice: () => undefined };
  const prepares = prepare ? {} : { prepare: false };
  if (typeof from !== 'string') return postgres({ ...defaults, ...from, ...prepares });
  try {
    return postgres(from, { ...defaults, ...prepares });
  } catch (error) {
    // It holds the whole address, and with it the password.
    if ((error as { code?: unknown }).code === 'ERR_INVALID_URL') throw notAnAddress();
    throw error;
  }
}
