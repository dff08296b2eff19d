/** What the Postgres store needs of a driver. Two thin drivers implement it; the SQL is the same for both. */

/** A statement with a stable name, so that a connection can keep it prepared. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Without an answer by then the connection is taken for dead; the statement may still take effect. */
  readonly limitMs?: number;
}

/** A parameter; every statement casts it. Lists go as text, `{a,b}`: drivers disagree on arrays. */
export type Parameter = string | number | boolean | Uint8Array | null;

export type Row = Readonly<Record<string, unknown>>;

/** Runs statements, each in its own transaction. */
export interface Driver {
  run(statement: Statement, parameters: readonly Parameter[]): Promise<readonly Row[]>;
  /** Runs a script of statements without parameters as one transaction. */
  script(text: string): Promise<void>;
  close(): Promise<void>;
}
