/** Guarded calls against a real database: the engine, one driver, and a provider that counts. */
import postgres from 'postgres';

import type { GuardedCall, GuardEngine, GuardEvent, HeldEffect, Receipt, ReceiptStore } from '../../src/core';
import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';
import { pgReceipts, type PostgresReceipts, type PostgresReceiptsOptions } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { callFor, engineOver } from './pg-engine';
import { newPool } from './scratch-schema';

export const drivers = ['pg', 'postgres.js'] as const;
export type DriverName = (typeof drivers)[number];

/** A store on a pool that it makes itself, with the defaults a user gets. */
export function openStore(
  driver: DriverName,
  url: string,
  { max = 4, ...options }: PostgresReceiptsOptions & { readonly max?: number } = {},
): PostgresReceipts {
  if (driver === 'pg') return pgReceipts({ connectionString: url, max }, options);
  const { hostname, port, username, password, pathname } = new URL(url);
  const own = { host: hostname, port: Number(port), username, password, database: pathname.slice(1), max };
  // `fetch_types` asks the catalogue at every connect, which would be mistaken for the statement to cut.
  return postgresReceipts({ ...own, fetch_types: false }, options);
}

/** Tells of each statement that a store is about to send: its name, without the hash. */
export function onStatement(store: PostgresReceipts, tell: (name: string) => void): void {
  const { driver } = store as unknown as {
    driver: { run: (statement: { name: string }, parameters: unknown) => unknown };
  };
  const run = driver.run.bind(driver);
  driver.run = (statement, parameters) => {
    tell(/^activity_guard_(\w+)_[0-9a-f]+$/.exec(statement.name)?.[1] ?? '');
    return run(statement, parameters);
  };
}

/** A pool of a user's, that the user also uses for other things. */
export interface UsersPool {
  query(text: string): Promise<unknown>;
  store(options: PostgresReceiptsOptions): PostgresReceipts;
  end(): Promise<void>;
}

export function usersPool(driver: DriverName, url: string, max: number): UsersPool {
  if (driver === 'pg') {
    const pool = newPool({ connectionString: url, max, connectionTimeoutMillis: 300 });
    return {
      query: (text) => pool.query(text),
      store: (options) => pgReceipts(pool, options),
      end: () => pool.end(),
    };
  }
  const sql = postgres(url, { max, onnotice: () => undefined });
  return {
    query: async (text) => sql.unsafe(text),
    store: (options) => postgresReceipts(sql, options),
    end: () => sql.end({ timeout: 1 }),
  };
}

/** One worker process's worth of guard; `effects` counts what the provider did, per request id. */
export class RealWorker {
  readonly events: GuardEvent[] = [];
  readonly engine: GuardEngine;

  constructor(
    readonly store: ReceiptStore,
    readonly effects = new Map<string, number>(),
  ) {
    this.engine = engineOver(store, (event) => this.events.push(event));
  }

  call(requestId: string, more: Partial<GuardedCall> & { readonly attemptMs?: number } = {}): GuardedCall {
    const { attemptMs = 15_000, ...rest } = more;
    const run = async (effect: HeldEffect): Promise<string> => {
      effect.begin();
      this.count(requestId);
      return `charged ${requestId}`;
    };
    return callFor(run, {
      ...{ requestId, fingerprint: fingerprintOf('charge', [requestId]), payload: [requestId] },
      ...{ leaseMs: 10_000, graceMs: 0, waitMs: 10_000, deadline: performance.now() + attemptMs },
      ...rest,
    });
  }

  count(requestId: string): void {
    this.effects.set(requestId, (this.effects.get(requestId) ?? 0) + 1);
  }

  /** How a call ended, in one word: the value, or the code of the error. */
  async ending(...call: Parameters<RealWorker['call']>): Promise<unknown> {
    return this.engine.run(this.call(...call)).then(
      (outcome) => (outcome.kind === 'result' ? outcome.value : 'rejected'),
      (error: unknown) => (error as { code?: string }).code ?? error,
    );
  }
}

/** The row of a request id. */
export async function rowOf(store: ReceiptStore, requestId: string): Promise<Receipt | undefined> {
  return (await store.get(receiptKey(store.namespace, hashRequestId(requestId))))?.receipt;
}

/** The state of a row, and how many notes were made of late answers. */
export async function stateOf(store: ReceiptStore, requestId: string): Promise<string | undefined> {
  return (await rowOf(store, requestId))?.state;
}

export async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  return [await work, performance.now() - start];
}
