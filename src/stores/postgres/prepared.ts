/** Keeping statements prepared, until something between us and the database turns out to lose them. */
import type { DatabaseError } from './errors';
import type { Driver, Parameter, Row, Statement } from './driver';

/**
 * SQLSTATE: the connection does not know our statement, or knows one of its name already. A pooler in transaction
 * mode (PgBouncer before 1.21) does both: it hands each transaction to any of its server connections.
 *
 * A third one says that its plan would give columns of other types than when it was prepared: a migration came between.
 *
 * All say that nothing was executed: 42P05 is raised at Parse (`StorePreparedStatement`), 26000 at Bind
 * (`FetchPreparedStatement`, both in PostgreSQL's commands/prepare.c), 0A000 at Bind, too (`RevalidateCachedQuery` in
 * utils/cache/plancache.c), and after an error the server skips everything up to Sync, Execute too ("Extended Query" in
 * the chapter on the message flow of its manual).
 */
const notKept = new Set(['26000', '42P05', '0A000']);

/** Runs a statement, kept prepared or not. */
export type RunStatement = (
  statement: Statement,
  parameters: readonly Parameter[],
  prepared: boolean,
) => Promise<readonly Row[]>;

/** Prepares statements as long as that works; after the first one that was lost, never again. */
export function whilePrepared(run: RunStatement, prepare = true): Driver['run'] {
  let works = prepare;
  return async (statement, parameters) => {
    const prepared = works && statement.plansAnew !== true;
    try {
      return await run(statement, parameters, prepared);
    } catch (error) {
      if (!prepared || !notKept.has((error as DatabaseError).code ?? '')) throw error;
      works = false;
      return run(statement, parameters, false);
    }
  };
}
