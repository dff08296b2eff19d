/** `activity-guard doctor`, with one thing broken after the other. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { NativeConnection, Runtime, Worker } from '@temporalio/worker';

import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import type { Checked } from '../../src/cli/doctor/check';
import { whereIs } from '../../src/cli/doctor/doctor';
import { over, requestFor } from '../contract/rows';
import { asDocumented } from '../support/cli-json';
import { runCli } from '../support/cli-process';
import { quiet } from '../support/quiet';
import { scratchRole } from '../support/scratch-role';
import { rewrite, databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { until } from '../support/waiting';

const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
let scratch: ScratchSchema;
beforeAll(async () => (scratch = await scratchSchema()), 30_000);
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

interface How {
  readonly env?: Record<string, string | undefined>;
  readonly flags?: readonly string[];
  readonly schema?: string;
}

interface Examined {
  readonly code: number | null;
  readonly all: readonly Checked[];
  /** What one check says. */
  readonly of: (check: string) => Checked | undefined;
}

async function doctor(
  args: readonly string[],
  { schema = scratch.schema, ...how }: How = {},
): Promise<Examined> {
  const { code, out, err } = await runCli(['doctor', '--json', '--schema', schema, ...args], how);
  expect(err).toBe('');
  const all = asDocumented('doctor', out) as Checked[];
  // It fails if and only if a check does.
  expect(code).toBe(all.some(({ verdict }) => verdict === 'fail') ? 1 : 0);
  for (const { verdict, fix } of all) if (verdict === 'warn' || verdict === 'fail') expect(fix).toMatch(/\S/);
  return { code, all, of: (name) => all.find(({ check }) => check === name) };
}

const ofDatabase = (namespace: string, how: How = {}): Promise<Examined> =>
  doctor(['--no-temporal', '--namespace', namespace], how);

/** Leaves an unknown outcome behind, whose lease ran out so many minutes ago. */
async function lost(namespace: string, minutesAgo: number): Promise<string> {
  const request = requestFor(`lost:${minutesAgo}`, { namespace, leaseMs: over });
  await scratch.open(namespace).claim(request);
  await scratch.pool.query(
    `update "${scratch.schema}".receipts set lease_until = now() - $2 * interval '1 minute' where key = $1`,
    [request.key, minutesAgo],
  );
  return request.key;
}

describe('doctor, of the database', () => {
  it('finds nothing where all is well, for a role that has what the guard needs and no more', async () => {
    const role = await scratchRole(scratch);
    await scratch.pool.query(`grant delete on "${scratch.schema}".queue to ${new URL(role.url).username}`);
    const { code, all, of } = await ofDatabase('well', { env: { DATABASE_URL: role.url } });
    await role.drop();
    expect(code).toBe(0);
    const verdicts = all.filter(
      ({ check }) => !/temporal|retention|workers|reconciler|namespaces/.test(check),
    );
    expect(verdicts.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(verdicts.map(({ check }) => check)).toEqual([
      ...['database', 'version', 'connections', 'privileges', 'schema', 'durability', 'clock'],
      ...['failover', 'replication', 'unknown outcomes', 'contested', 'delegated'],
    ]);
    expect(of('privileges')?.found).toMatch(/and no more$/);
    expect(of('connections')?.found).toMatch(/^\d+ of \d+ connections are in use$/);
  });

  it('says that the tables are missing, and is content once its advice is followed', async () => {
    const empty = await scratchSchema({ installed: false });
    const before = await ofDatabase('default', { schema: empty.schema });
    expect(before.of('schema')).toMatchObject({
      verdict: 'fail',
      fix: expect.stringMatching(/activity-guard migrate/),
    });
    expect(before.of('contested')).toMatchObject({ verdict: 'skipped' });
    expect((await runCli(['migrate', '--schema', empty.schema])).code).toBe(0);
    expect((await ofDatabase('default', { schema: empty.schema })).code).toBe(0);
    await empty.close();
  });

  it('says which privileges a role lacks, and is content once they are granted as it says', async () => {
    const role = await scratchRole(scratch);
    const name = new URL(role.url).username;
    const how = { env: { DATABASE_URL: role.url } };
    const granted = async (found: RegExp): Promise<void> => {
      const said = (await ofDatabase('lacking', how)).of('privileges');
      expect(said).toMatchObject({ verdict: 'fail', found: expect.stringMatching(found) });
      const advice = /activity-guard (migrate --workers \S+)/.exec(said?.fix ?? '')?.[1] ?? 'no advice';
      await runCli([...advice.split(' '), '--schema', scratch.schema]);
    };
    await scratch.pool.query(
      `revoke all on "${scratch.schema}".receipts, "${scratch.schema}".queue from ${name}`,
    );
    await granted(
      /lacks delete on queue, insert on queue, select on queue, update on queue, insert on receipts, select on receipts, update on receipts$/,
    );
    await scratch.pool.query(`revoke usage on schema "${scratch.schema}" from ${name}`);
    await granted(/may not use the schema/);
    expect((await ofDatabase('lacking', how)).code).toBe(0);
    await role.drop();
  });

  it('notes a role that may more than it should', async () => {
    const role = await scratchRole(scratch);
    const name = new URL(role.url).username;
    await scratch.pool.query(`grant delete on "${scratch.schema}".receipts to ${name}`);
    const { of } = await ofDatabase('lacking', { env: { DATABASE_URL: role.url } });
    expect(of('privileges')).toMatchObject({
      verdict: 'warn',
      found: expect.stringMatching(/has delete on receipts: more than the guard needs/),
    });
    await role.drop();
  });

  it('notes a superuser', async () => {
    expect((await ofDatabase('default')).of('privileges')).toMatchObject({ verdict: 'warn' });
  });

  it('says why the database cannot be reached, and no password', async () => {
    const away = async (url: string): Promise<Checked | undefined> => {
      const { code, all, of } = await ofDatabase('default', { env: { DATABASE_URL: url } });
      expect(code).toBe(1);
      expect(all.filter(({ verdict }) => verdict !== 'skipped')).toHaveLength(1);
      expect(JSON.stringify(all)).not.toContain('hunter2');
      return of('database');
    };
    const there = new URL(databaseUrl());
    expect(await away('postgres://nobody:hunter2@127.0.0.1:1/none')).toMatchObject({
      found: expect.stringMatching(/127\.0\.0\.1:1: .*ECONNREFUSED/),
      fix: expect.stringMatching(/is the database running.*DATABASE_URL/),
    });
    const stranger = Object.assign(new URL(there), { username: 'nobody', password: 'hunter2' }).href;
    expect((await away(stranger))?.fix).toMatch(/user and password/);
    const elsewhere = Object.assign(new URL(there), { pathname: '/no_such_database' }).href;
    expect((await away(elsewhere))?.fix).toMatch(/create the database/);
    expect(whereIs('postgres://a:hunter2@h:1/d?password=hunter2')).toBe('h:1');
    expect(whereIs('host=h password=hunter2')).not.toContain('hunter2');
    expect(whereIs(undefined, { PGHOST: 'h', PGPASSWORD: 'hunter2' })).toBe('h:5432');
  });

  it('refuses a database that can lose what it has acknowledged', async () => {
    const role = await scratchRole(scratch, { synchronous_commit: 'off' });
    await scratch.pool.query(`grant delete on "${scratch.schema}".queue to ${new URL(role.url).username}`);
    expect((await ofDatabase('default', { env: { DATABASE_URL: role.url } })).of('durability')).toMatchObject(
      {
        ...{ verdict: 'fail', found: expect.stringMatching(/synchronous_commit=off/) },
      },
    );
    await role.drop();
  });

  it('warns of a clock that goes wrong', async () => {
    const shim = join(folder, 'ahead.cjs');
    writeFileSync(shim, 'const now = Date.now; Date.now = () => now() + 3_600_000;');
    expect((await ofDatabase('default', { flags: ['-r', shim] })).of('clock')).toMatchObject({
      ...{ verdict: 'warn', found: expect.stringMatching(/60 min behind this machine's.*\(clock-skew\)$/) },
    });
  });

  it('warns of what is newly unknown, and fails at what nobody has found out for long', async () => {
    await lost('stuck', 2);
    expect((await ofDatabase('stuck')).of('unknown outcomes')).toMatchObject({
      ...{
        verdict: 'warn',
        found: '1, the oldest for 2 min',
        fix: expect.stringMatching(/list --unresolved/),
      },
    });
    await lost('stuck', 11);
    expect((await ofDatabase('stuck')).of('unknown outcomes')).toMatchObject({
      ...{ verdict: 'fail', found: '2, the oldest for 11 min' },
    });
    // Who looks into another namespace is told of this one.
    expect((await ofDatabase('elsewhere')).of('other namespaces')).toMatchObject({
      ...{ verdict: 'warn', found: expect.stringMatching(/\b2 in stuck\b/) },
    });
  });

  it('fails at what is contested, which is not counted twice', async () => {
    const key = await lost('disputed', 20);
    const said = { key, epoch: 1 };
    const store = scratch.open('disputed');
    await store.addEvidence({ ...said, source: 'webhook', verdict: 'committed' });
    await store.addEvidence({ ...said, source: 'probe', verdict: 'not-committed', contests: true });
    const { of } = await ofDatabase('disputed');
    expect([of('contested')?.verdict, of('unknown outcomes')?.verdict]).toEqual(['fail', 'ok']);
  });

  it('warns of what was handed over and never completed', async () => {
    const store = scratch.open('handed');
    const request = requestFor('handed:1', { namespace: 'handed' });
    await store.claim(request);
    await store.delegate(request);
    expect((await ofDatabase('handed')).of('delegated')).toMatchObject({ verdict: 'ok' });
    await rewrite(
      scratch.pool,
      `update "${scratch.schema}".receipts set claimed_at = now() - interval '25 hours' where key = '${request.key}'`,
    );
    expect((await ofDatabase('handed')).of('delegated')).toMatchObject({ verdict: 'warn' });
  });

  it('sees whether a reconciler is at work', async () => {
    await lost('swept', 1);
    expect((await ofDatabase('swept')).of('reconciler')).toMatchObject({
      ...{ verdict: 'warn', found: 'none has ever looked, and outcomes are unknown' },
    });
    const args = ['--no-temporal', '--schema', scratch.schema, '--namespace', 'swept'];
    await runCli(['reconcile', ...args]);
    expect((await ofDatabase('swept')).of('reconciler')).toMatchObject({ verdict: 'ok' });
    await scratch.pool.query(
      `update "${scratch.schema}".sweeps set swept_until = now() - interval '10 minutes' where namespace = 'swept'`,
    );
    expect((await ofDatabase('swept')).of('reconciler')).toMatchObject({
      ...{ verdict: 'warn', found: expect.stringMatching(/^none has looked for 9 min/) },
    });
  });

  it('prints what a person reads, too', async () => {
    const { code, out } = await runCli(['doctor', '--no-temporal', '--schema', scratch.schema]);
    expect(code).toBe(0);
    expect(out).toMatch(/^ok {7}database +\S+ at \S+:\d+, as role \S+\nok {7}version +PostgreSQL \d/);
    expect(out).toMatch(/^warn {5}privileges .*\n +→ Give workers a role/m);
    expect(out).toMatch(/\nok \d+, warn \d+, fail 0, skipped \d+\n$/);
  });
});

describe('docs/cli.md', () => {
  it('has a row for each check of doctor', async () => {
    const docs = readFileSync(resolve(__dirname, '../../../docs/cli.md'), 'utf8');
    const table = docs.slice(docs.indexOf('| check | fails'));
    const named = [...table.matchAll(/^\| ([a-z ,]+) \|/gm)]
      .flatMap(([, names = '']) => names.split(', '))
      .slice(1);
    expect(named).toEqual((await ofDatabase('default')).all.map(({ check }) => check));
  });
});

describe('doctor, of Temporal', () => {
  const nowhere = { TEMPORAL_CONFIG_FILE: join(folder, 'none.toml') };
  const isThere = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, 'localhost');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('close', () => resolve(false)).unref();
      socket.once('connect', () => socket.destroy());
    });

  it('fails where one is configured and away, and leaves it out where none is', async () => {
    const away = await doctor([], { env: { ...nowhere, TEMPORAL_ADDRESS: '127.0.0.1:1' } });
    expect(away.of('temporal')).toMatchObject({
      ...{
        verdict: 'fail',
        found: expect.stringMatching(/127\.0\.0\.1:1/),
        fix: expect.stringMatching(/TEMPORAL_ADDRESS/),
      },
    });
    expect(away.of('workers')).toMatchObject({ verdict: 'skipped' });
    if (await isThere(7233)) return; // somebody's own server, which would be found
    const none = await doctor([], { env: { ...nowhere, TEMPORAL_ADDRESS: undefined } });
    expect(none.of('temporal')).toMatchObject({
      verdict: 'skipped',
      found: expect.stringMatching(/^none is configured/),
    });
  });

  it('says that there is no such namespace', async () => {
    const { of } = await doctor([], { env: { ...nowhere, TEMPORAL_NAMESPACE: 'no-such' } });
    expect(of('temporal namespace')).toMatchObject({
      ...{
        verdict: 'fail',
        found: 'there is no namespace no-such',
        fix: expect.stringMatching(/namespace create/),
      },
    });
  });

  it('compares how long histories and receipts are kept', async () => {
    const retention = async (namespace: string) => (await doctor(['--namespace', namespace])).of('retention');
    expect(await retention('kept')).toMatchObject({
      verdict: 'ok',
      found: expect.stringMatching(/prune --older-than/),
    });
    for (const [id, retainMs, verdict] of [
      ['kept:1', 90 * 86_400_000, 'ok'],
      ['kept:2', 60_000, 'warn'],
    ] as const) {
      await scratch.open('kept').claim(requestFor(id, { namespace: 'kept', retainMs }));
      expect(await retention('kept')).toMatchObject({ verdict });
    }
  });

  it('sees who polls a task queue, and whether with the guard', async () => {
    Runtime.install({ logger: quiet, workerHeartbeatInterval: '1s' });
    const connection = await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' });
    const receipts = pgReceipts(scratch.pool, { schema: scratch.schema, namespace: 'workers' });
    const taskQueue = `doctor's ${randomUUID()}`;
    const workers = async (...args: string[]) =>
      (await doctor(['--namespace', 'workers', ...args])).of('workers');
    const named = (): Promise<Checked | undefined> => workers('--task-queue', taskQueue);
    const running = async (guarded: boolean, work: () => Promise<void>): Promise<void> => {
      const plugins = guarded ? [new ActivityGuardPlugin({ receipts })] : [];
      const options = { connection, taskQueue, activities: { nothing: async () => undefined }, plugins };
      const worker = await Worker.create({ ...options, identity: guarded ? 'guarded' : 'bare' });
      await worker.runUntil(work);
    };
    expect(await named()).toMatchObject({
      verdict: 'fail',
      found: `nobody polls task queue ${taskQueue} for activities`,
    });
    await running(true, async () => {
      await until(async () => (await named())?.verdict === 'ok');
      expect((await named())?.found).toMatch(/^1 poll task queue .*; with the guard: guarded$/);
      expect(await workers()).toMatchObject({ verdict: 'ok', found: expect.stringContaining(taskQueue) });
    });
    await running(false, async () => {
      await until(async () => (await named())?.found.includes('without the plugin: bare') === true);
      expect(await named()).toMatchObject({
        verdict: 'warn',
        fix: expect.stringMatching(/ActivityGuardPlugin/),
      });
    });
    await connection.close();
  });
});
