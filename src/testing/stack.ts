import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { once, type Log } from './bounded';
import { createDatabase, findDatabaseUrl } from './database';
import { afterStop, messageOf, TestStackError } from './error';
import { startPostgres } from './postgres';
import { startLocalEnvironment, startTimeSkippingEnvironment } from './temporal-environment';

/** Options of `startTestStack`. */
export interface TestStackOptions {
  /** A fresh PostgreSQL database. Default: true. */
  postgres?: boolean;
  /**
   * `'local'` (default): a real server, with everything but the skipping of time. `'time-skipping'`:
   * Temporal's test server, whose clock jumps over timers; it knows no resets. `false`: none.
   */
  temporal?: 'local' | 'time-skipping' | false;
  /** Also serve Temporal's web UI, if a local server is started. Default: false. */
  ui?: boolean | undefined;
  /** Receives progress and the servers' own logs, line by line. Silent by default. */
  log?: Log | undefined;
}

/** The PostgreSQL half of a test stack. */
export interface DatabasePart {
  /** `postgresql://…` of an empty database that belongs to this stack alone and is dropped by `stop()`. */
  readonly databaseUrl: string;
}

/** The Temporal half of a test stack. */
export interface TemporalPart {
  /** Client, connections and (for the time-skipping server) the clock. Don't tear it down: call `stop()`. */
  readonly env: TestWorkflowEnvironment;
  /** `host:port` */
  readonly temporalAddress: string;
  readonly temporalNamespace: string;
  /** The web UI's address, if `ui` was asked for and the server is ours. */
  readonly temporalUiUrl?: string;
}

type Absent<Part> = { readonly [Key in keyof Part]?: undefined };

/** What runs: both halves, or the one that `postgres: false` or `temporal: false` has left. */
export type TestStack<Options extends TestStackOptions = TestStackOptions> = {
  /**
   * Ends all that this stack has started, and drops its database. Close pools and shut workers down
   * before. Idempotent; takes at most a minute. Rejects if anything could not be ended, after all
   * the rest has been.
   */
  readonly stop: () => Promise<void>;
} & (Options extends { postgres: false } ? Absent<DatabasePart> : DatabasePart) &
  (Options extends { temporal: false } ? Absent<TemporalPart> : TemporalPart);

/** Something that runs, and how to end it. */
interface Part {
  fields: object;
  stop: () => Promise<void>;
}

/**
 * Starts what a test or a demo needs, without Docker: a PostgreSQL database and a Temporal server.
 *
 * Servers that run already are used: PostgreSQL from `DATABASE_URL` (or `PGHOST`, `PGDATABASE` and
 * the other `PG*` variables), whose role must be allowed to create databases; a local Temporal
 * server from `TEMPORAL_ADDRESS` and `TEMPORAL_NAMESPACE`. Else they are started, on free ports of
 * the loopback interface (see `startPostgres`, `resolveTemporalCli` and `resolveTestServer`), and
 * end with this process, however it ends.
 *
 * Rejects with a `TestStackError`; a half that was started is stopped first, so a retry is safe.
 */
export async function startTestStack<const Options extends TestStackOptions = TestStackOptions>(
  options?: Options,
): Promise<TestStack<Options>> {
  const starts: Promise<Part>[] = [];
  if (options?.postgres !== false) starts.push(startDatabase(options?.log));
  if (options?.temporal !== false) starts.push(startTemporal(options ?? {}));
  const results = await Promise.allSettled(starts);
  const parts = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  // Temporal's part is last and stops first: what runs there may still use the database.
  const stop = once(() => stopAll([...parts].reverse().map((part) => part.stop)));
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length > 0) {
    throw await afterStop(oneError(failures), stop);
  }
  return Object.assign({ stop }, ...parts.map((part) => part.fields)) as TestStack<Options>;
}

async function startDatabase(log: Log | undefined): Promise<Part> {
  const found = findDatabaseUrl();
  const server = found === undefined ? await startPostgres({ log: prefixed('postgres', log) }) : undefined;
  try {
    const database = await createDatabase(
      found ?? (server as { connectionString: string }).connectionString,
      log,
    );
    // A server of our own is deleted as a whole.
    const stop = server === undefined ? database.drop : server.stop;
    return { fields: { databaseUrl: database.url }, stop };
  } catch (error) {
    throw server === undefined ? error : await afterStop(error, server.stop);
  }
}

async function startTemporal({ temporal, ui, log }: TestStackOptions): Promise<Part> {
  const temporalLog = prefixed('temporal', log);
  const started =
    temporal === 'time-skipping'
      ? await startTimeSkippingEnvironment({ log: temporalLog })
      : await startLocalEnvironment({ log: temporalLog, ui });
  const fields: TemporalPart = {
    env: started.env,
    temporalAddress: started.address,
    temporalNamespace: started.namespace,
    ...(started.uiUrl === undefined ? {} : { temporalUiUrl: started.uiUrl }),
  };
  return { fields, stop: started.stop };
}

/** One after the other, and all of them even if one fails. */
async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const stop of stops) {
    await stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw oneError(failures);
}

/** The error itself if there is one, else one that has them all. */
function oneError(failures: unknown[]): unknown {
  if (failures.length === 1) return failures[0];
  const cause = new AggregateError(failures);
  const code = failures[0] instanceof TestStackError ? failures[0].code : 'CLEAN_UP_FAILED';
  return new TestStackError(code, failures.map(messageOf).join(' Also: '), { cause });
}

function prefixed(name: string, log: Log | undefined): Log | undefined {
  return log && ((line) => log(`[${name}] ${line}`));
}
