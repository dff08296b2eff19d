/** What the Postgres store needs of a driver. Two thin drivers implement it; the SQL is the same for both. */

/** A statement with a stable name, so that a connection can keep it prepared. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Without an answer by then the connection is taken for dead; the statement may still take effect. */
  readonly limitMs?: number;
  /** Never prepared: which plan is good depends on the parameters, and a prepared statement soon gets one for all. */
  readonly plansAnew?: boolean;
}

/** A step that has no answer by then gets none from this connection, which may be half open: it is given up. */
export const stepLimitMs = 10_000;

/** A parameter; every statement casts it. Lists go as text, `{a,b}`: drivers disagree on arrays. */
export type Parameter = string | number | boolean | Uint8Array | null;

export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement. */
export type Run = (statement: Statement, parameters: readonly Parameter[]) => Promise<readonly Row[]>;

/** What a transaction does, one after the other. */
export interface TransactionParts<Tx, T> {
  readonly first?: (run: Run) => Promise<unknown>;
  /** Cannot use its `tx` once it has ended: what it forgot to await must not abort, or escape, the rest. */
  readonly work: (tx: Tx) => Promise<T>;
  readonly last?: (run: Run, value: T) => Promise<void>;
}

/** Runs statements, each in its own transaction. */
export interface Driver<Tx = unknown> {
  /** The most connections it opens; `undefined` where that cannot be seen. */
  readonly poolSize?: number | undefined;
  readonly run: Run;
  /** Runs a transaction: committed when all its parts are done, rolled back when one throws. */
  transaction<T>(parts: TransactionParts<Tx, T>): Promise<T>;
  /** Runs a script of statements without parameters as one transaction. */
  script(text: string): Promise<void>;
  close(): Promise<void>;
}

/** The most connections a pool opens, which `pg` and postgres.js both keep in `options.max`; a wrapper may hide it. */
export function poolSizeOf(pool: object): number | undefined {
  const { options } = pool as { options?: { max?: unknown } | undefined };
  return typeof options?.max === 'number' ? options.max : undefined;
}
