import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestStack } from 'activity-guard/testing';
import { Client } from 'pg';
import { until } from '../../src/testing/bounded';
import { findDatabaseUrl } from '../../src/testing/database';
import { isAlive } from '../../src/testing/process-alive';

/** The programs are downloaded by the first run on a machine. */
const downloadLimitMs = 600_000;
const freshName = /^activity_guard_test_[0-9a-f]{16}$/;

async function ask(url: string | undefined, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function databaseNames(): Promise<string[]> {
  return ask(findDatabaseUrl(), 'select datname from pg_database').then((rows) =>
    rows.map((row) => String(row['datname'])),
  );
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

describe.each(['local', 'time-skipping'] as const)('a %s stack', (temporal) => {
  test(
    'serves PostgreSQL and Temporal, and leaves no database',
    async () => {
      const stack = await startTestStack({ temporal });
      try {
        await expect(ask(stack.databaseUrl, 'select version()')).resolves.toEqual([
          { version: expect.stringMatching(/^PostgreSQL \d+/) as unknown },
        ]);
        expect(nameOf(stack.databaseUrl)).toMatch(freshName);
        const { capabilities } = await stack.env.connection.workflowService.getSystemInfo({});
        expect(capabilities).toBeTruthy();
        expect(stack.env.supportsTimeSkipping).toBe(temporal === 'time-skipping');
        expect(stack.temporalAddress).toMatch(/:\d+$/);
        await expect(databaseNames()).resolves.toContain(nameOf(stack.databaseUrl));
      } finally {
        await stack.stop();
      }
      await expect(databaseNames()).resolves.not.toContain(nameOf(stack.databaseUrl));
    },
    downloadLimitMs,
  );
});

test('each stack has an empty database of its own', async () => {
  const [one, two] = await Promise.all([
    startTestStack({ temporal: false }),
    startTestStack({ temporal: false }),
  ]);
  try {
    await ask(one.databaseUrl, 'create table only_here ()');
    expect(two.databaseUrl).not.toBe(one.databaseUrl);
    await expect(ask(two.databaseUrl, `select to_regclass('only_here') as found`)).resolves.toEqual([
      { found: null },
    ]);
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
});

test('the half that is not asked for is not started', async () => {
  const noTemporal = await startTestStack({ temporal: false });
  expect(Object.keys(noTemporal).sort()).toEqual(['databaseUrl', 'stop']);
  await noTemporal.stop();
  const noPostgres = await startTestStack({ postgres: false });
  expect(Object.keys(noPostgres).sort()).toEqual(['env', 'stop', 'temporalAddress', 'temporalNamespace']);
  await noPostgres.stop();
});

test('stop can be called again, and cuts connections that were left open', async () => {
  const log: string[] = [];
  const stack = await startTestStack({ temporal: false, log: (line) => log.push(line) });
  const leaked = new Client({ connectionString: stack.databaseUrl });
  const cut = new Promise((resolve) => leaked.on('error', resolve));
  await leaked.connect();
  await Promise.all([stack.stop(), stack.stop()]);
  await stack.stop();
  await cut;
  expect(log.join('\n')).toContain('still had connections');
  await expect(databaseNames()).resolves.not.toContain(nameOf(stack.databaseUrl));
});

describe('with another environment', () => {
  const saved = { ...process.env };

  afterEach(() => {
    for (const name of ['DATABASE_URL', 'TEMPORAL_ADDRESS']) {
      if (saved[name] === undefined) delete process.env[name];
      else process.env[name] = saved[name];
    }
  });

  test('an unreachable database is an error without the password', async () => {
    process.env['DATABASE_URL'] = 'postgresql://someone:secret@127.0.0.1:9/db';
    const attempt = startTestStack({ temporal: false });
    await expect(attempt).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' });
    await expect(attempt).rejects.toThrow('postgresql://someone:***@127.0.0.1:9/db');
  });

  test('a role that may not create databases is an error that says so', async () => {
    const role = `activity_guard_test_role_${process.pid}`;
    await ask(findDatabaseUrl(), `create role "${role}" login password 'secret' nocreatedb`);
    try {
      const url = new URL(findDatabaseUrl() ?? '');
      url.username = role;
      url.password = 'secret';
      process.env['DATABASE_URL'] = url.href;
      const attempt = startTestStack({ temporal: false });
      await expect(attempt).rejects.toMatchObject({ code: 'DATABASE_NOT_ALLOWED' });
      await expect(attempt).rejects.toThrow('createdb');
    } finally {
      process.env['DATABASE_URL'] = saved['DATABASE_URL'];
      await ask(findDatabaseUrl(), `drop role "${role}"`);
    }
  });

  test('the first half is stopped when the second cannot be started', async () => {
    process.env['TEMPORAL_ADDRESS'] = '127.0.0.1:9';
    const before = new Set(await databaseNames());
    await expect(startTestStack()).rejects.toMatchObject({ code: 'TEMPORAL_SERVER_FAILED' });
    // Other suites use the same server: look only at what has come and stayed.
    const isGone = await until(5_000, 100, async () =>
      (await databaseNames()).every((name) => before.has(name)),
    );
    expect(isGone).toBe(true);
  });
});

/** Servers of its own, and not stopped: prints a line when they run, and waits. */
const forgetful = `
const { startPostgres, startTemporalServer } = require('activity-guard/testing');
Promise.all([startPostgres(), startTemporalServer()]).then(() => {
  process.stdout.write('started\\n');
  process.stdin.once('data', () => process.exit(0));
}, (error) => { process.stderr.write(String(error)); process.exit(1); });
`;

test.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'exit'] as const)(
  'a process that ends by %s without a stop leaves no process and no folder',
  async (end) => {
    const folder = mkdtempSync(join(tmpdir(), 'activity-guard-test-'));
    // PostgreSQL may have to run as another user, and reach its folder inside.
    chmodSync(folder, 0o755);
    const { DATABASE_URL, PGHOST, PGDATABASE, TEMPORAL_ADDRESS, ...env } = process.env;
    const child = spawn(process.execPath, ['-e', forgetful], {
      env: { ...env, TMPDIR: folder },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    const pids = childrenOf(child.pid);
    // PostgreSQL, Temporal, and the two reapers.
    expect(pids).toHaveLength(4);
    expect(readdirSync(folder)).toHaveLength(2);
    if (end === 'exit') child.stdin.write('\n');
    else child.kill(end);
    await exited;
    await until(20_000, 50, () => !pids.some(isAlive));
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  },
);

function childrenOf(parent: number | undefined): number[] {
  return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (pid !== undefined && ppid === parent ? [pid] : []));
}
