/** The servers that peers need, and their packages: found or fetched, never installed into the system. */
import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { until } from '../../src/testing/bounded';
import { runCommand } from '../../src/testing/command';
import { freePort } from '../../src/testing/ports';
import { pythonEnvironment } from '../../test/support/python-environment';
import type { Reaper } from '../../src/testing/reaper';
import { peersFolder, type PeerConfig } from './peer';

const installLimitMs = 300_000;
const fetchLimitMs = 60_000;
const startLimitMs = 30_000;
const cache = join(
  process.env['ACTIVITY_GUARD_CACHE'] ?? join(homedir(), '.cache', 'activity-guard'),
  'bench',
);

/** The packages of the peers, exactly as locked. Scripts of packages are not run. */
export async function installPackages(reaper: Reaper): Promise<void> {
  const args = ['ci', '--prefix', peersFolder, '--ignore-scripts', '--no-audit', '--no-fund'];
  await runCommand('npm', args, { limitMs: installLimitMs, reaper });
}

/** The Python of an environment that holds what `requirements.txt` names. */
export function installPython(): string {
  const found = pythonEnvironment(join(peersFolder, 'requirements.txt'));
  if ('missing' in found) throw new Error(found.missing);
  return found.python;
}

/** A server that may be killed, and started again on its port and its data. */
export class OwnServer {
  private child: ChildProcess | undefined;

  constructor(
    private readonly name: string,
    private readonly spawn: () => ChildProcess,
    private readonly isUp: () => Promise<boolean>,
  ) {}

  static async start(...how: ConstructorParameters<typeof OwnServer>): Promise<OwnServer> {
    const server = new OwnServer(...how);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const child = this.spawn();
    child.unref();
    child.on('error', () => undefined);
    this.child = child;
    if (!(await until(startLimitMs, 50, this.isUp))) throw new Error(`${this.name} did not start`);
  }

  async kill(): Promise<void> {
    if (!this.child) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

/** Redis that answers only after `fsync`. */
export async function startRedis(
  reaper: Reaper,
): Promise<{ readonly url: string; readonly server: OwnServer }> {
  const { file, libraries } = findRedis();
  const port = await freePort();
  const folder = reaper.makeFolder('activity-guard-redis-');
  const settings = {
    bind: '127.0.0.1',
    port,
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const env = { ...process.env, ...(libraries ? { LD_LIBRARY_PATH: libraries } : {}) };
  const spawn = () => reaper.spawn(file, args, { stdio: 'ignore', stopSignal: 'SIGKILL', env });
  const server = await OwnServer.start(file, spawn, () => listens(port));
  return { url: `redis://127.0.0.1:${port}`, server };
}

/** In the PATH, else from Debian's packages. */
function findRedis(): { file: string; libraries?: string } {
  const installed = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find((file) => existsSync(file));
  if (installed !== undefined) return { file: installed };
  const folder = join(cache, 'redis');
  if (!existsSync(join(folder, 'usr/bin/redis-server'))) fetchRedis(folder);
  const triplet = readdirSync(join(folder, 'usr/lib')).find((name) => name.includes('linux-gnu')) ?? '';
  return { file: join(folder, 'usr/bin/redis-server'), libraries: join(folder, 'usr/lib', triplet) };
}

function fetchRedis(folder: string): void {
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const run = (file: string, ...args: string[]) =>
      spawnSync(file, args, { cwd: work, timeout: fetchLimitMs, encoding: 'utf8' });
    // With what a Debian without them lacks.
    const fetched = run('apt-get', 'download', 'redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1');
    if (fetched.status !== 0) {
      const reason = fetched.error?.message ?? fetched.stderr.trim().split('\n')[0];
      throw new Error(`redis-server is not in the PATH, and apt-get download failed: ${reason}`);
    }
    for (const deb of readdirSync(work).filter((name) => name.endsWith('.deb')))
      run('dpkg', '-x', deb, join(work, 'root'));
    // One rename of a complete folder: another run may be doing the same.
    run('mv', '-T', join(work, 'root'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** One node that writes to its log with `fsync`, which is its default. */
export async function startRestate(
  reaper: Reaper,
): Promise<{ readonly urls: NonNullable<PeerConfig['restate']>; readonly server: OwnServer }> {
  const own = createRequire(join(peersFolder, 'package.json'));
  const packages = createRequire(own.resolve('@restatedev/restate-server/package.json'));
  const manifest = packages.resolve(
    `@restatedev/restate-server-${process.platform}-${process.arch}/package.json`,
  );
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()];
  const folder = reaper.makeFolder('activity-guard-restate-');
  const args = [
    ...['--base-dir', folder, '--node-name', 'bench', '--listen-mode', 'tcp', '--no-logo'],
    ...['--bind-ip', '127.0.0.1', '--bind-port', String(node)],
  ];
  const env = {
    ...{ PATH: process.env['PATH'], HOME: folder, RESTATE_DISABLE_TELEMETRY: 'true' },
    RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
    RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
  };
  const file = join(dirname(manifest), 'bin', 'restate-server');
  const spawn = () => reaper.spawn(file, args, { stdio: 'ignore', stopSignal: 'SIGKILL', env });
  const urls = { ingress: `http://127.0.0.1:${ingress}`, admin: `http://127.0.0.1:${admin}` };
  const answers = (url: string) =>
    fetch(url).then(
      (response) => response.ok,
      () => false,
    );
  const isUp = async () =>
    (await answers(`${urls.admin}/health`)) && (await answers(`${urls.ingress}/restate/health`));
  return { urls, server: await OwnServer.start('the Restate server', spawn, isUp) };
}
