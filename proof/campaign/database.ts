/** Postgres of the campaign: a primary, a synchronous standby, a proxy before them, and PgBouncer before that. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, rmdirSync, writeSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Client } from 'pg';

import { until } from '../../src/testing/bounded';
import { FlakyProxy } from '../../test/support/flaky-proxy';
import { findPgbouncer, startPgbouncer, type StartedPgbouncer } from '../../test/support/pgbouncer';
import { ReplicatedPostgres } from '../replicated-postgres';

/** Connections that the server allows: few, so that they can be used up. */
const mostConnections = 60;
const settings = [
  `max_connections=${mostConnections}`,
  'synchronous_commit=on',
  // What a commit does not wait for is written late: so a claim that is not durable would be lost in a crash.
  'wal_writer_delay=10s',
  'wal_writer_flush_after=1GB',
  'wal_retrieve_retry_interval=200ms',
  'max_wal_size=96MB',
  'min_wal_size=32MB',
];
const diskBytes = 700 * 1024 * 1024;
const limitMs = 20_000;

/** A disk of its own, small enough to be filled; only root can make one. */
class SmallDisk {
  private constructor(readonly folder: string) {}

  static mount(): SmallDisk | undefined {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
    const folder = mkdtempSync(join(tmpdir(), 'activity-guard-disk-'));
    chmodSync(folder, 0o755);
    const { status } = spawnSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=${diskBytes},mode=755`,
      'tmpfs',
      folder,
    ]);
    if (status === 0) return new SmallDisk(folder);
    rmdirSync(folder);
    return undefined;
  }

  private get filler(): string {
    return join(this.folder, 'filler');
  }

  fill(): void {
    const file = openSync(this.filler, 'w');
    try {
      for (let size = 1 << 20; size >= 4096; ) {
        try {
          writeSync(file, Buffer.alloc(size));
        } catch {
          size >>= 1; // ENOSPC: what is left is less
        }
      }
    } finally {
      closeSync(file);
    }
  }

  empty(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Database {
  private bouncer: StartedPgbouncer | undefined;
  /** Why there is no PgBouncer, no small disk. */
  readonly missing: string[] = [];

  private constructor(
    private readonly servers: ReplicatedPostgres,
    readonly proxy: FlakyProxy,
    private readonly calm: FlakyProxy,
    readonly disk: SmallDisk | undefined,
  ) {}

  static async start(): Promise<Database> {
    const disk = SmallDisk.mount();
    // Where Postgres makes its folders.
    if (disk) process.env['TMPDIR'] = disk.folder;
    try {
      const servers = await ReplicatedPostgres.start(settings);
      const [proxy, calm] = [await FlakyProxy.before(servers.url), await FlakyProxy.before(servers.url)];
      const database = new Database(servers, proxy, calm, disk);
      await database.addOthers().catch(async (error: unknown) => {
        await database.stop();
        throw error;
      });
      return database;
    } catch (error) {
      disk?.unmount();
      throw error;
    }
  }

  private async addOthers(): Promise<void> {
    if (!this.disk) this.missing.push('disk full: only root can mount a small one');
    const binary = findPgbouncer();
    if ('missing' in binary) this.missing.push(`PgBouncer: ${binary.missing}`);
    else this.bouncer = await startPgbouncer(binary, this.proxied, 8);
  }

  /** Wherever the primary is, and over a network that does not fail. */
  get url(): string {
    return this.calm.through(this.servers.url);
  }

  get proxied(): string {
    return this.proxy.through(this.servers.url);
  }

  get pooled(): string {
    return this.bouncer?.url ?? this.proxied;
  }

  asSuperuser<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return this.servers.asSuperuser(work);
  }

  /** `SIGQUIT` is an immediate shutdown; `SIGKILL` takes only the postmaster, and its children follow. */
  async crash(signal: 'SIGQUIT' | 'SIGKILL', awayMs: number): Promise<void> {
    await this.servers.kill(signal);
    await delay(awayMs);
    await this.ensureUp();
  }

  /** The primary dies, the standby takes over with what it has, and gets a standby of its own. */
  async promote(): Promise<boolean> {
    const { servers } = this;
    if (!(await servers.isFollowing())) return false;
    await servers.kill('SIGQUIT');
    await servers.promote();
    for (const proxy of [this.proxy, this.calm]) {
      proxy.retarget(servers.url);
      proxy.cutAll();
    }
    await servers.addStandby();
    return true;
  }

  /** Uses up all connections while workers lose theirs. Whether the server refused one. */
  async exhaust(ms: number): Promise<boolean> {
    const clients: Client[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let refused = false;
    this.proxy.cutAll();
    const holders = Array.from({ length: mostConnections + 5 }, () =>
      this.asSuperuser(async (client) => {
        clients.push(client);
        await held;
      }).catch((error: unknown) => {
        refused ||= (error as { code?: unknown }).code === '53300';
      }),
    );
    await delay(ms);
    release();
    await Promise.all(holders);
    return refused;
  }

  /** Whether a write was refused, or the server gave up, for want of space. */
  async fillDisk(ms: number): Promise<boolean> {
    const { disk } = this;
    if (!disk) return false;
    disk.fill();
    try {
      const end = performance.now() + ms;
      let landed = false;
      while (performance.now() < end) {
        landed ||= await this.asSuperuser(async (client) => {
          await client.query(`set synchronous_commit = local`);
          const text = `insert into filler select repeat(md5(i::text), 200) from generate_series(1, 500) i`;
          return client.query(text).then(
            () => false,
            (error: unknown) => (error as { code?: unknown }).code === '53100',
          );
        }).catch(() => true);
        await delay(200);
      }
      return landed;
    } finally {
      disk.empty();
      await this.ensureUp();
    }
  }

  /** Starts what has ended, again and again while children of a killed postmaster are still there. */
  async ensureUp(): Promise<void> {
    for (const postgres of this.servers.servers) {
      if (!(await until(limitMs, 200, () => postgres.startIfDown())))
        throw new Error('Postgres did not start again');
    }
    // One that came back may have been stopped by its own crash recovery meanwhile.
    await this.servers.untilFollowing();
  }

  async stop(): Promise<void> {
    await this.bouncer?.stop();
    await this.proxy.close();
    await this.calm.close();
    await this.servers.dispose();
    this.disk?.unmount();
  }
}
