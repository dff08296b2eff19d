/** PgBouncer in transaction mode before a server: found in the PATH, else fetched from Debian. Never installed. */
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

import { until } from '../../src/testing/bounded';
import { freePort } from '../../src/testing/ports';
import { findBinaries, prepareServer, spawnOptions } from '../../src/testing/postgres';
import { startReaper } from '../../src/testing/reaper';
import { newPool } from './scratch-schema';

/** Fetched with it: what a Debian without PostgreSQL lacks. */
const packages = ['pgbouncer', 'libc-ares2', 'libevent-2.1-7'];
const fetchLimitMs = 30_000;
const startLimitMs = 10_000;

export interface PgbouncerBinary {
  readonly file: string;
  /** The folder of libraries that were fetched with it. */
  readonly libraries?: string;
}

/** Where it is, or why it cannot be had. Synchronous: whether a suite is skipped must be known when it is defined. */
export function findPgbouncer(): PgbouncerBinary | { readonly missing: string } {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const installed = folders.map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file));
  if (installed !== undefined) return { file: installed };
  const cache = join(homedir(), '.cache', 'activity-guard', 'pgbouncer');
  if (!existsSync(join(cache, 'usr/sbin/pgbouncer'))) {
    const problem = fetchTo(cache);
    if (problem !== undefined) return { missing: problem };
  }
  const triplets = existsSync(join(cache, 'usr/lib')) ? readdirSync(join(cache, 'usr/lib')) : [];
  const folder = triplets.find((name) => name.includes('linux-gnu'));
  return {
    file: join(cache, 'usr/sbin/pgbouncer'),
    ...(folder === undefined ? {} : { libraries: join(cache, 'usr/lib', folder) }),
  };
}

function fetchTo(cache: string): string | undefined {
  const work = `${cache}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const run = (file: string, ...args: string[]) =>
      spawnSync(file, args, { cwd: work, timeout: fetchLimitMs, encoding: 'utf8' });
    const fetched = run('apt-get', 'download', ...packages);
    if (fetched.status !== 0)
      return `not in the PATH, and apt-get download failed: ${fetched.error?.message ?? fetched.stderr.trim().split('\n')[0]}`;
    for (const deb of readdirSync(work).filter((name) => name.endsWith('.deb'))) {
      if (run('dpkg', '-x', deb, join(work, 'root')).status !== 0) return `dpkg could not unpack ${deb}`;
    }
    // One rename of a complete folder: another run may be doing the same.
    spawnSync('mv', ['-T', join(work, 'root'), cache], { timeout: fetchLimitMs });
    return existsSync(join(cache, 'usr/sbin/pgbouncer')) ? undefined : 'the package holds no pgbouncer';
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

export interface StartedPgbouncer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param poolSize server connections; few, so that clients get each other's */
export async function startPgbouncer(
  { file, libraries }: PgbouncerBinary,
  serverUrl: string,
  poolSize: number,
): Promise<StartedPgbouncer> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(serverUrl);
  const reaper = startReaper();
  try {
    // It refuses to run as root as PostgreSQL does, so it is run as the same user, from a folder of that user's.
    const server = await prepareServer(findBinaries(), reaper, undefined);
    const at = (name: string): string => join(server.folder, name);
    cpSync(file, at('pgbouncer'));
    if (libraries !== undefined) cpSync(libraries, at('lib'), { recursive: true, verbatimSymlinks: true });
    const port = await freePort();
    writeFileSync(
      at('pgbouncer.ini'),
      `[databases]
${pathname.slice(1)} = host=${hostname} port=${serverPort} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 300
server_login_retry = 1
server_tls_sslmode = disable
logfile = ${at('log')}
`,
    );
    if (server.owner) chownSync(at('pgbouncer.ini'), server.owner.uid, server.owner.gid);
    const { env, ...options } = spawnOptions(server);
    const child = reaper.spawn(at('pgbouncer'), [at('pgbouncer.ini')], {
      ...options,
      env: { ...env, LD_LIBRARY_PATH: at('lib') },
      stdio: ['ignore', 'ignore', 'ignore'],
      stopSignal: 'SIGQUIT',
    });
    child.unref();
    const url = `postgresql://nobody@127.0.0.1:${port}${pathname}`;
    if (!(await until(startLimitMs, 50, () => answers(url))))
      throw new Error(`PgBouncer did not start (exit ${child.exitCode})`);
    return { url, stop: reaper.finish };
  } catch (error) {
    await reaper.finish();
    throw error;
  }
}

async function answers(url: string): Promise<boolean> {
  const pool = newPool({ connectionString: url, max: 1, connectionTimeoutMillis: 1000 });
  try {
    await pool.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await pool.end();
  }
}
