/** Which database errors can pass by themselves. Decided by SQLSTATE, never by message. */
import { ActivityGuardError, ReceiptStoreUnavailableError } from '../../core';

/** SQLSTATE classes, and single codes, that asking again cannot mend. */
const finalClasses = new Set(['22', '23', '28', '3D', '42']);

/** @internal */
export interface DatabaseError extends Error {
  /** SQLSTATE from the server, or a code of Node or the driver such as ECONNRESET. */
  readonly code?: string;
}

/** Whether the server said it; else it is the connection that failed. */
const hasSqlState = (error: DatabaseError): error is DatabaseError & { readonly code: string } =>
  /^[0-9A-Z]{5}$/.test(error.code ?? '');

/** Whether asking again may succeed. A connection that failed may come back. */
const isTransient = (error: DatabaseError): boolean =>
  !(hasSqlState(error) && finalClasses.has(error.code.slice(0, 2)));

/** What names a place, as `pg` and postgres.js call it. All else may quote a row: `detail`, `where`, the parameters. */
const told = ['code', 'severity', 'schema', 'table', 'column', 'constraint', 'routine'] as const;
const fields = told.flatMap((name) => [name, `${name}_name`]);

/** An error of the server without payloads. It is another one: what postgres.js adds to its own cannot be taken away. */
export function withoutRows(error: unknown): unknown {
  if (error instanceof ActivityGuardError || !hasSqlState(error as DatabaseError)) return error;
  const { name, message, stack, ...rest } = error as DatabaseError;
  const kept = Object.entries(rest).filter(([field]) => fields.includes(field));
  return Object.assign(new Error(message), { name, stack, ...Object.fromEntries(kept) });
}

/** SQLSTATE: the table, or the schema, does not exist. */
const missing = new Set(['42P01', '3F000']);

/** Wraps a final database error with what to do; a transient one is passed on for the engine to ask again. */
export function explain(thrown: unknown): unknown {
  const error = withoutRows(thrown);
  const cause = error as DatabaseError;
  if (error instanceof ActivityGuardError || isTransient(cause)) return error;
  const advice = missing.has(cause.code ?? '')
    ? 'The receipts tables are missing: run `activity-guard migrate` (or `await receipts.migrate()`) once.'
    : `The database refused the statement (SQLSTATE ${cause.code}); check the role's privileges and the schema's version.`;
  return Object.assign(new ReceiptStoreUnavailableError(`${advice} Nothing was run.`, { cause }), {
    transient: false,
  });
}

/** For what is asked once, outside of any call: every database error becomes one that says what to do. */
export async function reporting<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const explained = explain(error);
    if (explained instanceof ActivityGuardError) throw explained;
    const { code, name } = error as DatabaseError;
    throw new ReceiptStoreUnavailableError(
      `The database cannot be reached (${code ?? name}): check that it runs and how it is addressed, then try again.`,
      { cause: error },
    );
  }
}
