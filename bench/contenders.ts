/** Who is compared on one Postgres: two bare commits, and the guard on either driver. */
import { randomBytes, randomUUID } from 'node:crypto';

import { Pool } from 'pg';
import postgres from 'postgres';

import { pgReceipts } from '../src/stores/pg';
import { postgresReceipts } from '../src/stores/postgres-js';
import type { PostgresReceipts } from '../src/stores/postgres/store';
import { BareCommits } from './bare-commits';
import { oursOn, type GuardedRun } from './ours';

export const contenderNames = ['base', 'pg', 'postgres'] as const;
export type ContenderName = (typeof contenderNames)[number];

/** The same for all. */
export const poolSize = 10;

/** Enough rows for the planner to know the table, few enough to cost nothing. */
const seededRows = 2000;

/** One way to do an effect once. */
export interface Contender {
  /** Effects that were carried out. */
  readonly effects: number;
  /** Does a new intent; ends when its result is recorded. */
  fresh(id: string, payload: unknown): Promise<unknown>;
  /** Asks for the result of an intent that is settled. */
  replay(id: string, payload: unknown): Promise<unknown>;
  /** Receipts with a result. */
  settled(): Promise<number>;
  /** Forgets all of them, and lets Postgres know that. */
  empty(): Promise<void>;
  analyze(): Promise<void>;
  stop(): Promise<void>;
}

/** An intent of its own. */
export const newId = (): string => `order:${randomUUID()}`;

/** JSON of about that size, which does not compress. */
export const payloadOf = (bytes: number) => ({
  order: randomBytes(bytes)
    .toString('base64')
    .slice(0, bytes - 12),
});

/** The guard over one store, in a schema of its own. */
export class Guarded implements Contender {
  effects = 0;
  readonly run: GuardedRun;

  private constructor(
    readonly store: PostgresReceipts,
    /** For what is not measured. */
    readonly pool: Pool,
    readonly schema: string,
    private readonly close: () => Promise<void>,
  ) {
    this.run = oursOn(store);
  }

  static async on(url: string, driver: 'pg' | 'postgres', schema = `guard_${driver}`): Promise<Guarded> {
    const [store, close] = open(url, driver, schema);
    const guarded = new Guarded(store, new Pool({ connectionString: url, max: 1 }), schema, close);
    try {
      await store.migrate();
      await store.check();
      return guarded;
    } catch (error) {
      await guarded.stop();
      throw error;
    }
  }

  fresh(id: string, payload: unknown): Promise<unknown> {
    return this.run(id, payload, () => {
      this.effects++;
      return payload;
    });
  }

  replay(id: string, payload: unknown): Promise<unknown> {
    return this.fresh(id, payload);
  }

  async settled(): Promise<number> {
    return (await this.store.stats()).states.committed;
  }

  async empty(): Promise<void> {
    await this.pool.query(`truncate ${this.schema}.receipts, ${this.schema}.evidence, ${this.schema}.queue`);
  }

  async analyze(): Promise<void> {
    await this.pool.query(`analyze ${this.schema}.receipts`);
  }

  async stop(): Promise<void> {
    await this.close();
    await this.pool.end();
  }
}

function open(
  url: string,
  driver: 'pg' | 'postgres',
  schema: string,
): [PostgresReceipts, () => Promise<void>] {
  if (driver === 'pg') {
    const store = pgReceipts({ connectionString: url, max: poolSize }, { schema }) as PostgresReceipts;
    return [store, () => store.close()];
  }
  const sql = postgres(url, { max: poolSize, onnotice: () => undefined });
  return [postgresReceipts(sql, { schema }) as PostgresReceipts, () => sql.end({ timeout: 5 })];
}

/** All contenders, on one server. */
export async function withContenders<T>(
  url: string,
  work: (contenders: Record<ContenderName, Contender>) => Promise<T>,
): Promise<T> {
  const open: Contender[] = [];
  const opened = async <C extends Contender>(opening: Promise<C>): Promise<C> => {
    const contender = await opening;
    open.push(contender);
    return contender;
  };
  try {
    return await work({
      base: await opened(BareCommits.on(url, poolSize)),
      pg: await opened(Guarded.on(url, 'pg')),
      postgres: await opened(Guarded.on(url, 'postgres')),
    });
  } finally {
    for (const contender of open) await contender.stop();
  }
}

/** Starts over with a small table that the planner knows; returns the ids in it. */
export async function seed(
  contender: Contender,
  payload: unknown,
  rows = seededRows,
): Promise<readonly string[]> {
  await contender.empty();
  const ids = Array.from({ length: rows }, newId);
  const rest = [...ids];
  const lane = async (): Promise<void> => {
    for (let id = rest.pop(); id !== undefined; id = rest.pop()) await contender.fresh(id, payload);
  };
  await Promise.all(Array.from({ length: 64 }, lane));
  await contender.analyze();
  return ids;
}
