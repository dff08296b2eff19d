/** `activity-guard export`, and the filters that it shares with `list`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { outcomeOf, over, requestFor } from '../contract/rows';
import { cliMain, runCli } from '../support/cli-process';
import { rewrite, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

interface Line {
  readonly requestId: string;
  readonly state: string;
}

let scratch: ScratchSchema;
const rows = 600; // more than two pages
const secret = 'SECRET-4111-1111';

beforeAll(async () => {
  scratch = await scratchSchema();
  const store = scratch.open();
  for (let i = 0; i < rows; i++) {
    const request = requestFor(`order:${i}`, { leaseMs: over, origin: { workflowId: `w${i % 3}` } });
    await store.claim(request);
    if (i % 2 === 0)
      await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf(secret) });
  }
  await store.claim(requestFor('refund:1', { action: 'refund' }));
  await rewrite(
    scratch.pool,
    `update "${scratch.schema}".receipts set claimed_at = '2026-01-15' where request_id in ('order:0', 'order:1')`,
  );
}, 30_000);
afterAll(() => scratch.close());

async function read(command: 'list' | 'export', ...args: string[]): Promise<Line[]> {
  const all = command === 'list' ? ['--json', '--limit', '100000'] : [];
  const { code, out, err } = await runCli([command, ...args, ...all, '--schema', scratch.schema]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).not.toContain(secret);
  expect(out).not.toContain(Buffer.from(secret).toString('base64').slice(0, 12));
  return command === 'list'
    ? (JSON.parse(out) as Line[])
    : out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
}

describe('export', () => {
  it('has every receipt once, over all pages, without its outcome', async () => {
    const lines = await read('export');
    expect(lines).toHaveLength(rows + 1);
    expect(new Set(lines.map(({ requestId }) => requestId)).size).toBe(rows + 1);
    expect(lines.find(({ requestId }) => requestId === 'order:0')).toMatchObject({
      ...{ state: 'committed', outcome: { format: 'json', bytes: secret.length } },
    });
  });

  it.each([
    [['--unresolved'], rows / 2],
    [['--state', 'committed'], rows / 2],
    [['--state', 'unknown'], rows / 2],
    [['--state', 'contested'], 0],
    [['--action', 'refund'], 1],
    [['--workflow', 'w1'], rows / 3],
    [['--workflow', 'w1', '--unresolved'], rows / 6],
    [['--since', '2026-01-15', '--until', '2026-01-16'], 2],
    [['--until', '2026-01-15'], 0],
    [['--since', '1h'], rows - 1],
    [['--until', '1h'], 2],
  ])('and list both take %p', async (args, count) => {
    for (const command of ['list', 'export'] as const) {
      const { out } =
        count === 0 ? await runCli([command, ...args, '--schema', scratch.schema]) : { out: '-' };
      if (count === 0) expect(out).toBe('');
      else expect(await read(command, ...args)).toHaveLength(count);
    }
  });

  it('ends in silence when its reader does', async () => {
    const child = spawn(process.execPath, [cliMain, 'export', '--schema', scratch.schema]);
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('has no colours in a pipe, and has them where they are asked for', async () => {
    const listed = (env: Record<string, string>) =>
      runCli(['list', '--limit', '3', '--schema', scratch.schema], {
        env: { NO_COLOR: '', FORCE_COLOR: '', ...env },
      });
    const plain = await listed({ CI: 'true' });
    expect(plain.out).not.toContain('\u001b');
    const painted = await listed({ FORCE_COLOR: '1' });
    expect(painted.out).toMatch(/\u001b\[3\dm/);
    expect(painted.out.replace(/\u001b\[\d+m/g, '')).toBe(plain.out);
    expect((await listed({ FORCE_COLOR: '1', NO_COLOR: '1' })).out).toBe(plain.out);
  });
});
