/** Every command with --json, against its schema. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, Connection } from '@temporalio/client';

import { commands } from '../../src/cli/commands';
import { outcomeOf, over, requestFor } from '../contract/rows';
import { asDocumented, documented } from '../support/cli-json';
import { runCli, spawnCli, type Ended } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { startServing, stop } from '../support/serving';

const folder = mkdtempSync(join(tmpdir(), 'cli-json-'));
let scratch: ScratchSchema;
const done = new Set<string>();

const run = (...args: string[]): Promise<Ended> => runCli([...args, '--schema', scratch.schema, '--json']);

async function check(command: string, code: number, ...args: string[]): Promise<unknown> {
  const ended = await run(...command.split(' ').slice(0, 1), ...args);
  expect({ ...ended, out: '' }).toEqual({ code, out: '', err: '' });
  done.add(command);
  return asDocumented(command, ended.out);
}

beforeAll(async () => {
  scratch = await scratchSchema();
  const store = scratch.open();
  const paid = requestFor('paid:1', {
    origin: { workflowId: 'w', worker: '1@host' },
    finality: { sources: ['effect', 'bank'], quorum: 2, afterMs: 0 },
  });
  await store.claim(paid);
  await store.settle({ ...paid, epoch: 1, state: 'committed', outcome: outcomeOf('"SECRET"') });
  for (const id of ['lost:1', 'lost:2', 'disputed:1']) await store.claim(requestFor(id, { leaseMs: over }));
  const said = { key: requestFor('disputed:1').key, epoch: 1, note: 'x' };
  await store.addEvidence({ ...said, source: 'webhook', verdict: 'committed', outcome: outcomeOf('1') });
  await store.addEvidence({ ...said, source: 'probe', verdict: 'not-committed', contests: true });
  await store.addEvidence({ ...said, source: 'operator', verdict: 'committed', by: 'Ann' });
}, 30_000);
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

const tokenOf = async (id: string): Promise<string> =>
  ((await check('show', 0, id)) as { token: string }).token;

describe('what a command prints with --json is as its schema says', () => {
  it('of commands that look', async () => {
    expect(await check('list', 0)).toHaveLength(4);
    expect(await check('show', 0, 'paid:1')).toMatchObject({ finality: { quorum: 2 } });
    expect(await check('show', 0, 'disputed:1')).toMatchObject({ evidence: [{}, {}, { by: 'Ann' }] });
    await check('stats', 0);
    await check('doctor', 1);
  });

  it('of decisions, also of those that are refused', async () => {
    const decision = async (id: string): Promise<string[]> => [
      id,
      '--token',
      await tokenOf(id),
      '--reason',
      'r',
    ];
    const early = await decision('lost:1');
    await check('resolve', 0, ...early, '--not-committed');
    await check('resolve', 1, ...early, '--committed');
    await check('supersede', 0, ...(await decision('lost:1')));
    await check('supersede', 1, ...(await decision('lost:1')));
  });

  it('of commands that take care', async () => {
    await check('migrate', 0);
    await check('prune', 0, '--older-than', '1d');
    await check('reconcile', 0, '--no-temporal');
    const file = join(folder, 'charges.csv');
    writeFileSync(file, 'request_id\npaid:1\npaid:1\nnobody:1\n""\n');
    await check('report', 1, file, '--action', 'charge', '--since', '2026-01-01');
  });

  it('of every line of an export, and of a reconciler that watches', async () => {
    const { out } = await run('export');
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) asDocumented('export', line);
    done.add('export');

    const store = scratch.open('watched');
    const request = requestFor('watched:1', { namespace: 'watched', leaseMs: over });
    await store.claim(request);
    const watching = spawnCli([
      'reconcile',
      '--watch',
      '--no-temporal',
      '--namespace',
      'watched',
      '--schema',
      scratch.schema,
      '--json',
    ]);
    const [line] = await watching.lines(1);
    expect(asDocumented('reconcile --watch', line ?? '')).toMatchObject({ looked: 1, open: 1 });
    expect(await watching.end()).toBe(0);
    done.add('reconcile --watch');
  });

  it('of the audit log, and of what is signed', async () => {
    const pair = generateKeyPairSync('ed25519');
    const file = (name: string, text: string | Buffer): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const key = file('key.pem', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const publicKey = file('public.pem', pair.publicKey.export({ type: 'spki', format: 'pem' }));
    expect(await check('audit verify', 0, 'verify')).toMatchObject({
      ...{ verified: true, chains: [{ namespace: 'default', from: 1 }, { namespace: 'watched' }] },
    });
    for (const line of (await run('audit', 'export')).out.trimEnd().split('\n'))
      asDocumented('audit export', line);
    done.add('audit export');
    await check('audit sign', 0, 'sign', '--key', key);
    const receipt = await check('show --key', 0, 'paid:1', '--key', key);
    expect(JSON.stringify(receipt)).not.toContain('SECRET');
    const signed = file('receipt.json', JSON.stringify(receipt));
    for (const [name, code, verified] of [
      [signed, 0, true],
      [file('forged.json', JSON.stringify(receipt).replace('committed', 'rejected')), 1, false],
    ] as const) {
      const ended = await runCli(['verify', name, '--public-key', publicKey, '--json']);
      expect({ ...ended, out: asDocumented('verify', ended.out) }).toMatchObject({
        code,
        err: '',
        out: { verified },
      });
    }
    done.add('verify');
  });

  it('of a workflow', async () => {
    const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' });
    const client = new Client({ connection });
    const workflowId = randomUUID();
    await client.workflow.start('nothing', { workflowId, taskQueue: 'nobody' });
    expect(await check('show --workflow', 0, '--workflow', workflowId)).toMatchObject({
      workflowId,
      effects: [],
    });
    await client.workflow.getHandle(workflowId).terminate();
    await connection.close();
  });

  it('of the service, the demo, and completions', async () => {
    const serving = await startServing(['--schema', scratch.schema], {
      ACTIVITY_GUARD_KEYS: `default ${'k'.repeat(32)}`,
    });
    asDocumented('serve', serving.printed());
    expect(await stop(serving)).toBe(0);
    const page = await startServing(['--schema', scratch.schema], {}, 'dashboard');
    asDocumented('dashboard', page.printed());
    expect(await stop(page)).toBe(0);
    const { code, out, err } = await runCli(['demo', '--json']);
    expect({ code, err, shown: asDocumented('demo', out) }).toEqual({
      ...{ code: 0, err: '', shown: { charges: { unguarded: 2, guarded: 1 } } },
    });
    done.add('demo');
    for (const shell of ['bash', 'zsh', 'fish'])
      asDocumented('completion', (await runCli(['completion', shell, '--json'])).out);
    done.add('serve').add('dashboard').add('completion');
  });

  it('of all commands but mcp, which prints the protocol', () => {
    expect([...done].sort()).toEqual([...documented].sort());
    const names = [...new Set([...done].map((command) => command.split(' ')[0] ?? ''))];
    expect([...names, 'mcp'].sort()).toEqual(commands.map(({ name }) => name).sort());
  });
});
