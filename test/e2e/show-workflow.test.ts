/** `activity-guard show --workflow` through the real binary. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import type { ResetImpact } from 'activity-guard/client';
import { asDocumented } from '../support/cli-json';
import { eventsOf } from '../support/has-seen';
import { Resets } from '../support/resets';
import { WorkerHere } from '../support/worker-here';

const library = resolve(__dirname, '../../src');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

let here: WorkerHere;
let folder: string;
/** The workflow, its run, and the point before its second call. */
let order: { id: string; runId: string; point: number };
const printed: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'activity-guard-show-'));
  here = await WorkerHere.start(require.resolve('../fixtures/reset-workflows'));
  await Resets.with(here, async (resets) => {
    const handle = await resets.start('everyKind', 'SECRET-4111');
    await handle.result();
    const [, second = 0] = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
    const { runId } = await handle.describe();
    order = { id: handle.workflowId, runId, point: await resets.point(handle, { before: second }) };
  });
});
afterAll(async () => {
  await here.stop();
  await rm(folder, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({
  TEMPORAL_ADDRESS: here.stack.temporalAddress,
  TEMPORAL_NAMESPACE: here.stack.temporalNamespace,
  TEMPORAL_CONFIG_FILE: join(folder, 'none.toml'),
  DATABASE_URL: here.stack.databaseUrl,
});

function show(
  args: readonly string[],
  env: Record<string, string> = environment(),
  from = library,
): Promise<Ended> {
  const child = spawn(process.execPath, [join(from, 'cli/main.js'), 'show', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    timeout: 30_000,
  });
  const ended = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
  return new Promise((done, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      printed.push(ended.out, ended.err);
      done({ code, ...ended });
    });
  });
}

const predicted = (): string[] => ['--workflow', order.id, '--reset-to', String(order.point)];

describe('activity-guard show --workflow', () => {
  it('shows what belongs to the workflow, and to where it can be reset', async () => {
    const { code, out, err } = await show(['--workflow', order.id]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^everyKind everyKind-\S+, run \S+\n/);
    expect(out).toMatch(/^EVENT +ACTIVITY +RECEIPT +REQUEST ID$/m);
    expect(out).toMatch(/^5 +charge +committed +36:\S+$/m);
    expect(out).toMatch(/^ + step mail +committed +mail:/m);
    expect(out).toContain(`Workflow ${order.id}, run ${order.runId}\n`);
    expect(out).toMatch(new RegExp(`^Can be reset to: 4, ${order.point}, `, 'm'));
    expect(out).not.toMatch(/RUNS AGAIN|Not predicted/);
  });

  it('says what a reset would do to each effect', async () => {
    const { code, out, err } = await show([...predicted(), '--run', order.runId]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`, before a reset to event ${order.point}\n`);
    expect(out).toMatch(/^\d+ +stamp +- +RUNS AGAIN +no receipt: unguarded, or/m);
    expect(out).toMatch(/^\d+ +decline +rejected +rejected +gets the stored rejection/m);
    expect(out).toMatch(/^\d+ +charge \(local\) +committed +replayed/m);
    expect(out).toMatch(
      /^kept 1, replayed 7, rejected 1, WAITS 1, REFUSED 0, by steps 1, MAY RUN 0, RUNS AGAIN 3$/m,
    );
    expect(out).toMatch(/^Not predicted:\n- Code or arguments/m);
  });

  it('says it as JSON', async () => {
    const { code, out, err } = await show([...predicted(), '--json']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const impact = asDocumented('show --workflow', out) as ResetImpact;
    expect(impact).toMatchObject({
      ...{ workflowId: order.id, runId: order.runId, resetTo: order.point, complete: true },
      totals: { kept: 1, replayed: 7, rejected: 1, waits: 1, runs: 3 },
    });
    expect(impact.effects[0]).toMatchObject({
      kind: 'activity',
      activityType: 'charge',
      fate: 'kept',
      eventId: 5,
    });
  });

  it('finds Temporal by a profile of its configuration', async () => {
    const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, ...rest } = environment();
    const file = join(folder, 'temporal.toml');
    await writeFile(
      file,
      `[profile.here]\naddress = "${TEMPORAL_ADDRESS}"\nnamespace = "${TEMPORAL_NAMESPACE}"\n`,
    );
    const env = { ...rest, TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'here' };
    expect(await show(['--workflow', order.id], env)).toMatchObject({ code: 0, err: '' });
  });

  it('says what is wrong, and exits with 1', async () => {
    const wrong = async (args: string[], env?: Record<string, string>): Promise<string> => {
      const { code, out, err } = await show(args, env);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).not.toMatch(/\n\s+at /);
      return err;
    };
    expect(await wrong(['--workflow', 'nobody'])).toMatch(
      /There is no workflow nobody in Temporal's namespace/,
    );
    const other = '00000000-0000-4000-8000-000000000000';
    expect(await wrong(['--workflow', order.id, '--run', other])).toMatch(/with a run 00000000/);
    expect(await wrong(['--workflow', order.id, '--run', 'x'])).toMatch(/no workflow .* with a run x/);
    expect(await wrong(['--workflow', order.id, '--reset-to', '5'])).toMatch(
      /cannot be reset to event 5: Give the event that ends a workflow task \(WorkflowTaskCompleted.*The nearest are 4, \d+, /,
    );
    expect(await wrong(['--workflow', order.id, '--reset-to', '5000'])).toMatch(/its last event is \d+\./);
    const nowhere = { ...environment(), TEMPORAL_ADDRESS: '127.0.0.1:1' };
    expect(await wrong(['--workflow', order.id], nowhere)).toMatch(
      /Temporal cannot be reached at 127\.0\.0\.1:1 .*Set TEMPORAL_ADDRESS/,
    );
    const noSuch = { ...environment(), TEMPORAL_NAMESPACE: 'no-such' };
    expect(await wrong(['--workflow', order.id], noSuch)).toMatch(/no-such/);
    const noDatabase = { ...environment(), DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none' };
    const away = await wrong(['--workflow', order.id], noDatabase);
    expect(away).toMatch(/ECONNREFUSED.*is the database running/);
    expect(away).not.toMatch(/hunter2/);
  });

  it('says which package is missing', async () => {
    const lonely = join(folder, 'lonely');
    await cp(library, join(lonely, 'src'), { recursive: true });
    await cp(join(library, '../../package.json'), join(folder, 'package.json')); // where the package has it
    await mkdir(join(lonely, 'node_modules'));
    const install = (name: string): Promise<void> =>
      symlink(join(library, '../../node_modules', name), join(lonely, 'node_modules', name));
    for (const name of ['commander', 'picocolors']) await install(name); // dependencies of this package
    const without = await show(['nobody:1'], environment(), join(lonely, 'src'));
    expect(without).toMatchObject({
      code: 1,
      err: expect.stringMatching(/package pg is needed .*npm install pg/),
    });
    await install('pg');
    const { code, err } = await show(['--workflow', order.id], environment(), join(lonely, 'src'));
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(
        /The packages @temporalio\/client and @temporalio\/envconfig are needed .*npm install @temporalio\/client/,
      ),
    });
    // Everything else goes on without it.
    const ended = await show(['nobody:1'], environment(), join(lonely, 'src'));
    expect(ended.err).toMatch(/no receipt has request id nobody:1/);
  });

  it('has never printed a payload', () => {
    expect(printed.join('').length).toBeGreaterThan(5000);
    // Ids of the user's own are no payloads: they are shown.
    const others = printed.join('').replaceAll(/(mail|ship):SECRET-4111/g, '');
    expect(others).not.toMatch(/SECRET/);
    expect(others).not.toContain(Buffer.from('SECRET-4111').toString('base64').slice(0, 12));
  });
});
