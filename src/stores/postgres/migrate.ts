/** Bringing the schema to this version, safely from many processes at once. */
import { InvalidRequestError, ReceiptStoreUnavailableError } from '../../core';
import { systemClock } from '../../system-clock';
import type { Driver } from './driver';
import type { DatabaseError } from './errors';
import { migrations } from './migrations.generated';
import type { Statements } from './statements';

/** What is applied, and what is still to be. */
export interface MigrationStatus {
  readonly applied: number;
  readonly latest: number;
}

const literal = (text: string): string => text.replaceAll("'", "''");

/** Two installers of one schema wait for each other here, until the end of their transaction. */
const lock = (schema: string): string =>
  `select pg_advisory_xact_lock(hashtextextended('activity-guard migrate ' || '${literal(schema)}', 0));`;

/** Reads the version of the schema; `applied` is 0 where nothing is installed. */
export async function migrationStatus(
  driver: Driver,
  sql: Statements,
  schema: string,
): Promise<MigrationStatus> {
  const latest = migrations.at(-1)?.number ?? 0;
  const [settings] = await driver.run(sql.settings, [`${schema}.migrations`]);
  if (settings?.['installed'] !== true) return { applied: 0, latest };
  const applied = await driver.run(sql.migrationsApplied, []);
  for (const { number, sha256 } of applied) {
    const known = migrations.find((m) => m.number === number);
    if (!known) {
      throw new ReceiptStoreUnavailableError(
        `The schema ${schema} is at migration ${String(number)}, newer than this version of activity-guard knows (${latest}). Upgrade activity-guard.`,
      );
    }
    if (known.sha256 !== sha256) {
      throw new ReceiptStoreUnavailableError(
        `Migration ${known.number} was applied to schema ${schema} from another text than this version holds. Restore the schema from a backup or use another schema.`,
      );
    }
  }
  return { applied: Number(applied.at(-1)?.['number'] ?? 0), latest };
}

/** Whoever comes behind a statement that waits for its lock waits as well, and leases run out meanwhile. */
const lockTimeoutMs = 2000;
const mostTries = 30;
const pauseMs = 500;

/** SQLSTATE: the lock was not to be had in time. */
const lockNotAvailable = '55P03';

async function withoutHoldingUp(step: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await step();
    } catch (error) {
      if ((error as DatabaseError).code !== lockNotAvailable || tries === mostTries) throw error;
    }
    await systemClock.sleep(pauseMs);
  }
}

/**
 * Applies what is missing and returns the version the schema is at. Safe to repeat and to run from many processes.
 * @param onApplied told after each migration
 */
export async function migrate(
  driver: Driver,
  sql: Statements,
  schema: string,
  onApplied: () => void = () => undefined,
): Promise<number> {
  const { applied, latest } = await migrationStatus(driver, sql, schema);
  for (const { number, name, sha256, sql: text } of migrations.filter((m) => m.number > applied)) {
    // One transaction each. The row goes in first: whoever comes second finds it and skips the rest.
    await withoutHoldingUp(() =>
      driver.script(`set local lock_timeout = '${lockTimeoutMs}ms';
${lock(schema)}
do $schema$ begin
  -- A connection that has looked before the wait remembers that there was no schema, until it opens some table.
  perform 1 from pg_catalog.pg_namespace limit 1;
  -- A role may be allowed to use a schema that was made for it, and not to make one.
  if to_regnamespace('${literal(schema)}') is null then create schema ${schema}; end if;
end $schema$;
create table if not exists ${schema}.migrations (
  number integer primary key, name text not null, sha256 text not null, applied_at timestamptz not null default now());
do $migration$ begin
  insert into ${schema}.migrations (number, name, sha256) values (${number}, '${name}', '${sha256}') on conflict do nothing;
  if not found then return; end if;
  ${text.replaceAll(':SCHEMA', () => schema)}
end $migration$;`),
    );
    onApplied();
  }
  return latest;
}

/** SQLSTATE: what a statement names does not exist; the tables are checked before. */
const undefinedObject = '42704';

/**
 * Runs the statements of `grantsFor`, all or none.
 * @throws InvalidRequestError where a role does not exist
 */
export async function grant(driver: Driver, schema: string, statements: readonly string[]): Promise<void> {
  const script = [`set local lock_timeout = '${lockTimeoutMs}ms';`, lock(schema), ...statements].join('\n');
  try {
    await withoutHoldingUp(() => driver.script(script));
  } catch (cause) {
    if ((cause as DatabaseError).code !== undefinedObject) throw cause;
    throw new InvalidRequestError('One of the roles does not exist; nothing was granted. Create it first.', {
      cause,
    });
  }
}
