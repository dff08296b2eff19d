import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import type { Client } from 'pg';
import type { Log } from './bounded';
import { codeOf, messageOf, TestStackError } from './error';
import { requirePackage } from './optional-package';

const connectLimitMs = 10_000;
const queryLimitMs = 30_000;
const insufficientPrivilege = '42501';
const objectInUse = '55006';

/** A database of its own for one test stack. */
export interface FreshDatabase {
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/**
 * The server the environment names: `DATABASE_URL`, else the `PG*` variables if `PGHOST` or
 * `PGDATABASE` is among them.
 */
export function findDatabaseUrl(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['DATABASE_URL']) return env['DATABASE_URL'];
  const host = env['PGHOST'];
  if (!host && !env['PGDATABASE']) return undefined;
  const database = encodeURIComponent(env['PGDATABASE'] ?? 'postgres');
  // A socket folder has no place in a URL that all drivers agree on: they read PGHOST themselves.
  if (host?.startsWith('/')) return `postgresql:///${database}`;
  const name = encodeURIComponent(env['PGUSER'] ?? userInfo().username);
  const password = env['PGPASSWORD'] === undefined ? '' : `:${encodeURIComponent(env['PGPASSWORD'])}`;
  return `postgresql://${name}${password}@${host ?? 'localhost'}:${env['PGPORT'] ?? '5432'}/${database}`;
}

/** Creates an empty database in the given server. */
export async function createDatabase(serverUrl: string, log?: Log): Promise<FreshDatabase> {
  const name = `activity_guard_test_${randomBytes(8).toString('hex')}`;
  const url = parse(serverUrl);
  url.pathname = `/${name}`;
  // template0: nobody can be connected to it, so concurrent suites never wait for each other.
  await run(serverUrl, (client) => client.query(`create database "${name}" template template0`));
  return { url: url.href, drop: () => run(serverUrl, (client) => drop(client, name, log)) };
}

function parse(serverUrl: string): URL {
  try {
    return new URL(serverUrl);
  } catch (cause) {
    // The text stays out of the message: it may hold a password.
    throw new TestStackError(
      'DATABASE_UNREACHABLE',
      'DATABASE_URL is no URL: use postgresql://user@host:port/db',
      {
        cause: codeOf(cause),
      },
    );
  }
}

async function drop(client: Client, name: string, log: Log | undefined): Promise<void> {
  try {
    // The server itself waits five seconds for connections to close: a pool's `end()` resolves
    // before the server has noticed. Longer than that is a leak.
    await client.query(`drop database if exists "${name}"`);
  } catch (error) {
    if (codeOf(error) !== objectInUse) throw error;
    log?.(`database ${name} still had connections; they are cut. Close pools and workers before stop().`);
    await client.query(`drop database if exists "${name}" with (force)`);
  }
}

async function run(serverUrl: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const pg = requirePackage<typeof import('pg')>('pg', 'to create the test database');
  const client = new pg.Client({
    connectionString: serverUrl,
    connectionTimeoutMillis: connectLimitMs,
    query_timeout: queryLimitMs,
    application_name: 'activity-guard-testing',
  });
  // A connection that breaks while idle is reported by the next query.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await work(client);
  } catch (cause) {
    throw explain(cause, serverUrl);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function explain(cause: unknown, serverUrl: string): TestStackError {
  const where = withoutPassword(serverUrl);
  if (codeOf(cause) === insufficientPrivilege) {
    return new TestStackError(
      'DATABASE_NOT_ALLOWED',
      `The role of ${where} may not create or drop databases: ${messageOf(cause)}. ` +
        'Grant it (alter role … createdb), or unset DATABASE_URL and PG* so that a server is started for the tests.',
      { cause },
    );
  }
  return new TestStackError(
    'DATABASE_UNREACHABLE',
    `PostgreSQL at ${where} failed: ${messageOf(cause) || codeOf(cause)}. ` +
      'Check DATABASE_URL and PG*, or unset them so that a server is started for the tests.',
    { cause },
  );
}

function withoutPassword(serverUrl: string): string {
  const url = parse(serverUrl);
  if (url.password !== '') url.password = '***';
  if (url.searchParams.has('password')) url.searchParams.set('password', '***');
  return url.href;
}
