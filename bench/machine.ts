/** What the numbers were taken on. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { spread, type Spread } from './measure';

/** Settings that a commit's price depends on. */
const settings = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'wal_sync_method',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
] as const;

/** What is told of machine and database. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: Record<(typeof settings)[number], string>;
  /** One small write and `fdatasync` in the folder for temporary files, where our own server keeps its data. */
  readonly fdatasyncMs: Spread;
  /** Above the number of cores others were at work too: compare ratios only. */
  readonly loadBefore: number;
  readonly commit: string | undefined;
}

/** Describes this machine and the server. */
export async function describeMachine(databaseUrl: string): Promise<Machine> {
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    postgres: await serverSettings(databaseUrl),
    fdatasyncMs: measureSync(),
    loadBefore: loadavg()[0] ?? 0,
    commit: commitOf(),
  };
}

async function serverSettings(connectionString: string): Promise<Machine['postgres']> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const found: [string, string][] = [];
    for (const name of settings) {
      const { rows } = await client.query('select current_setting($1) as value', [name]);
      found.push([name, (rows[0] as { value: string }).value]);
    }
    return Object.fromEntries(found) as Machine['postgres'];
  } finally {
    await client.end();
  }
}

function measureSync(): Spread {
  const folder = mkdtempSync(join(tmpdir(), 'activity-guard-bench-'));
  try {
    const file = openSync(join(folder, 'sync'), 'w');
    const page = Buffer.alloc(8192, 1);
    const times = Array.from({ length: 100 }, () => {
      const begun = performance.now();
      writeSync(file, page, 0, page.length, 0);
      fdatasyncSync(file);
      return performance.now() - begun;
    });
    closeSync(file);
    return spread(times);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function commitOf(): string | undefined {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
