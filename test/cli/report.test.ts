import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { pgReceipts } from '../../src/stores/pg';
import { systemClock } from '../../src/system-clock';
import { eachReceipt, forEach } from '../../src/cli/each-receipt';
import type { Report } from '../../src/cli/report/reconcile';
import { generationId, hashedRequestId, hashRequestId, receiptKey } from '../../src/ids';
import type { ReceiptStore } from '../../src/core';
import { outcomeOf, over, requestFor } from '../contract/rows';
import { asDocumented } from '../support/cli-json';
import { cliMain, runCli, type Ended } from '../support/cli-process';
import { newPool, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const secret = 'SECRET-4111-1111';
const folder = mkdtempSync(join(tmpdir(), 'report-'));

let scratch: ScratchSchema;
/** Everything the command ever printed. */
let printed = '';

async function run(
  args: readonly string[],
  more: { input?: string; flags?: readonly string[] } = {},
): Promise<Ended> {
  const ended = await runCli(['report', ...args, '--schema', scratch.schema], {
    ...more,
    timeoutMs: 120_000,
  });
  printed += ended.out.slice(0, 100_000) + ended.err;
  return ended;
}

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

async function reported(args: readonly string[], code = 1): Promise<Report> {
  const ended = await run([...args, '--json']);
  expect(ended).toMatchObject({ code, err: '' });
  return asDocumented('report', ended.out) as Report;
}

const idsIn = ({ findings }: Report): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(findings)
      .filter(([, { count }]) => count > 0)
      .map(([category, { ids }]) => [category, ids.map(({ requestId }) => requestId)]),
  );

type State = 'committed' | 'rejected' | 'released' | 'unknown' | 'delegated' | 'claimed';

async function receipt(
  store: ReceiptStore,
  requestId: string,
  state: State,
  { action = 'charge', leaseMs = 60_000, key = receiptKey('default', hashRequestId(requestId)) } = {},
): Promise<string> {
  const request = requestFor(requestId, { key, action, leaseMs });
  await store.claim(request);
  if (state === 'committed' || state === 'rejected')
    await store.settle({ ...request, epoch: 1, state, outcome: outcomeOf(secret) });
  if (state === 'released') await store.release(request);
  if (state === 'unknown') await store.markUnknown(request);
  if (state === 'delegated') await store.delegate(request);
  return key;
}

/** One id of every kind. */
async function fill(store: ReceiptStore): Promise<void> {
  for (const id of ['ok:1', 'ok:2', 'gone:1', 'failed:1', 'twice:1']) await receipt(store, id, 'committed');
  const hidden = hashedRequestId(hashRequestId('hidden:1'));
  await receipt(store, hidden, 'committed', { key: receiptKey('default', hashRequestId('hidden:1')) });

  const probed = await receipt(store, 'probed:1', 'unknown', { leaseMs: over });
  await store.resolve({ key: probed, epoch: 1, verdict: 'committed', source: 'probe', note: secret });
  const told = await receipt(store, 'told:1', 'committed');
  await store.addEvidence({ key: told, epoch: 1, source: 'webhook', verdict: 'committed' });
  for (const id of ['contested:1', 'contested:2']) {
    const said = { key: await receipt(store, id, 'unknown', { leaseMs: over }), epoch: 1 };
    await store.addEvidence({ ...said, source: 'webhook', verdict: 'committed' });
    await store.addEvidence({ ...said, source: 'probe', verdict: 'not-committed', contests: true });
  }
  const history = await receipt(store, 'history:1', 'unknown', { leaseMs: over });
  await store.resolve({ key: history, epoch: 1, verdict: 'committed', source: 'temporal-history' });

  for (const state of ['unknown', 'claimed', 'delegated'] as const) await receipt(store, `${state}:1`, state);
  await receipt(store, 'rejected:1', 'rejected');
  await receipt(store, 'rejected:2', 'rejected');
  await receipt(store, 'released:1', 'released');

  for (const id of ['again:1', 'lonely:1']) {
    const key = await receipt(store, id, 'committed');
    await store.supersede({ key, epoch: 1, state: 'committed', source: 'operator' });
  }
  const second = generationId({ requestId: 'again:1', requestIdHash: hashRequestId('again:1') }, 2);
  await receipt(store, second.requestId, 'committed', { key: receiptKey('default', second.requestIdHash) });
  await receipt(store, 'refund:1', 'committed', { action: 'refund' });
}

const entries: readonly (readonly [id: string, status: string])[] = [
  ['ok:1', 'failed'],
  ['ok:1', 'paid'],
  ['ok:2', 'succeeded'],
  ['hidden:1', 'paid'],
  ['failed:1', 'failed'],
  ['twice:1', 'paid'],
  ['twice:1', 'paid'],
  ['probed:1', 'paid'],
  ['told:1', 'paid'],
  ['contested:1', 'paid'],
  ['history:1', 'paid'],
  ['unknown:1', 'paid'],
  ['delegated:1', 'failed'],
  ['rejected:1', 'paid'],
  ['rejected:2', 'failed'],
  ['released:1', 'paid'],
  ['again:1', 'paid'],
  ['again:1~g2', 'paid'],
  ['lonely:1', 'paid'],
  ['stranger:\u001b[31m1', 'paid'],
  ['', 'paid'],
  ['', 'paid'],
];
const csv = `id,request_id,status,note\n${entries.map(([id, s], i) => `ch_${i},"${id}",${s},${secret}\n`).join('')}`;
const options = ['--action', 'charge', '--status-column', 'status', '--success', 'paid,succeeded'];

const expected = {
  confirmed: [
    ...['again:1', 'again:1~g2', 'history:1', 'ok:1', 'ok:2', 'probed:1'],
    hashedRequestId(hashRequestId('hidden:1')),
    'told:1',
  ],
  duplicateBlocked: ['probed:1', 'told:1'],
  missing: ['gone:1'],
  contradiction: ['contested:1', 'contested:2', 'failed:1', 'lonely:1', 'rejected:1', 'released:1'],
  uncertain: ['claimed:1', 'delegated:1', 'unknown:1'],
  unrecorded: ['', '', 'stranger:\u001b[31m1'],
  duplicate: ['twice:1'],
  notDone: ['rejected:2'],
};

beforeAll(async () => {
  scratch = await scratchSchema();
  await fill(scratch.open());
}, 30_000);
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

describe('activity-guard report', () => {
  it('tells every kind of difference at once', async () => {
    const made = await reported([file('charges.csv', csv), ...options]);
    expect(idsIn(made)).toEqual(expected);
    expect(made).toMatchObject({
      ...{ namespace: 'default', actions: ['charge'], receipts: 20, entries: entries.length },
      isInOrder: false,
    });
    const { uncertain, contradiction, duplicate } = made.findings;
    expect(uncertain.ids).toEqual([
      { requestId: 'claimed:1', action: 'charge', state: 'claimed', succeeded: 0, failed: 0, lines: [] },
      {
        requestId: 'delegated:1',
        action: 'charge',
        state: 'delegated',
        succeeded: 0,
        failed: 1,
        lines: [14],
      },
      { requestId: 'unknown:1', action: 'charge', state: 'unknown', succeeded: 1, failed: 0, lines: [13] },
    ]);
    expect(contradiction.ids[0]).toMatchObject({
      ...{ state: 'contested', succeeded: 1, lines: [11], note: /contradict each other/ as never },
    });
    expect(contradiction.ids[3]).toMatchObject({ state: 'superseded', note: /no newer generation/ as never });
    expect(duplicate.ids).toEqual([expect.objectContaining({ succeeded: 2, lines: [7, 8] })]);
  });

  it('says the same of JSON, nested and in every form, from a file or a pipe', async () => {
    const objects = entries.map(([id, status]) => ({ note: secret, status, metadata: { request_id: id } }));
    const args = [...options, '--id-column', 'metadata.request_id'];
    const list = JSON.stringify({ object: 'list', data: objects, has_more: false });
    expect(idsIn(await reported([file('charges.json', list), ...args]))).toEqual(expected);
    const lines = objects.map((each) => JSON.stringify(each)).join('\n');
    const piped = await run(['-', ...args, '--json'], { input: lines });
    expect(piped).toMatchObject({ code: 1, err: '' });
    expect(idsIn(JSON.parse(piped.out) as Report)).toEqual(expected);
  });

  it('shows counts and ids for people, and what to do', async () => {
    const { code, out, err } = await run([file('charges.csv', csv), ...options]);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(
      /^20 receipts of charge, in namespace default; 22 entries at the provider\n\nconfirmed +8\n/,
    );
    expect(out).toMatch(/^ {2}of these: duplicate blocked +2$/m);
    expect(out).toMatch(/^ {2}unknown:1 {2}unknown; successful at the provider \(line 13\)$/m);
    expect(out).toMatch(/^ {2}claimed:1 {2}claimed; not at the provider$/m);
    expect(out).toMatch(/^ {2}twice:1 {2}committed; 2 times successful at the provider \(lines 7, 8\)$/m);
    expect(out).toMatch(/^ {2}\(no request id\) {2}no receipt; .*line 22/m);
    expect(out).toContain('stranger:\\u001b[31m1');
    expect(out).toMatch(/uncertain or contested is resolved by: activity-guard resolve <request id>/);
    expect(out).not.toContain('ok:1');
  });

  it('is in order with 0, takes every entry for a success unless told, and leaves out other actions', async () => {
    const good = file('good.csv', 'requestId,kind\nrefund:1,refund\nok:1,charge\n');
    const refunds = ['--action', 'refund', '--action-column', 'kind'];
    const made = await reported([good, ...refunds], 0);
    expect(made).toMatchObject({ isInOrder: true, entries: 2, entriesLeftOut: 1, actions: ['refund'] });
    expect(idsIn(made)).toEqual({ confirmed: ['refund:1'] });
    expect(await run([good, ...refunds])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/\nIn order\.\n$/),
    });

    const both = await reported([good, '--action-column', 'kind']);
    expect(both.actions).toEqual(['charge', 'refund']);
    expect(idsIn(both)).toMatchObject({ confirmed: ['ok:1', 'refund:1'] });
    expect(idsIn(both)['missing']).toContain('ok:2');
    // Without the column it cannot know better.
    expect(idsIn(await reported([good, '--action', 'refund']))).toEqual({
      confirmed: ['refund:1'],
      contradiction: ['ok:1'],
    });
  });

  it('misses only what was claimed within the bounds, and finds the others by their ids', async () => {
    const export1 = file('one.csv', 'request_id\nok:1\nunknown:1\nstranger:1\n');
    const past = await reported([export1, '--action', 'charge', '--until', '2020-01-01']);
    expect(idsIn(past)).toEqual({
      confirmed: ['ok:1'],
      uncertain: ['unknown:1'],
      unrecorded: ['stranger:1'],
    });
    const since = await reported([export1, '--action', 'charge', '--since', '2020-01-01T00:00:00Z']);
    expect(idsIn(since)).toMatchObject({ missing: expect.arrayContaining(['gone:1', 'ok:2']) });
    const future = await reported([export1, '--action', 'charge', '--since', '9999-01-01']);
    expect(idsIn(future)).toEqual(idsIn(past));
  });

  it('keeps to its namespace', async () => {
    await scratch.open('n').claim(requestFor('ok:9', { namespace: 'n' }));
    const export2 = file('ok.csv', 'request_id\nok:1\n');
    const made = await reported([export2, '--action', 'charge', '--namespace', 'n']);
    expect(idsIn(made)).toEqual({ unrecorded: ['ok:1'], uncertain: ['ok:9'] });
  });

  it('warns where a name or a status was perhaps mistyped', async () => {
    const typo = await run([file('empty.csv', 'request_id\n'), '--action', 'chrage']);
    expect(typo).toMatchObject({ code: 0, err: expect.stringMatching(/no receipt of chrage was found/) });
    const args = ['--action', 'charge', '--status-column', 'status', '--success', 'Paid'];
    expect(await run([file('charges.csv', csv), ...args])).toMatchObject({
      ...{
        code: 1,
        err: expect.stringMatching(/no entry has a status of --success; there are: failed, paid/),
      },
    });
  });

  it.each([
    ['bad.csv', 'request_id,n\nok:1,1\nSECRET-4111-1111\n', /bad\.csv, line 3: 1 columns/],
    [
      'bad.json',
      '[{"request_id":"ok:1"},\n{"request_id":SECRET-4111-1111}]',
      /bad\.json, line 2: not valid JSON/,
    ],
    ['none.csv', 'id\nok:1\n', /none\.csv, line 1: no column request_id .*--id-column/],
  ])('refuses %s with 2, before it asks the database', async (name, content, message) => {
    const nowhere = ['--database-url', 'postgres://127.0.0.1:1/none'];
    const ended = await run([file(name, content), '--action', 'charge', ...nowhere]);
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  it('has never printed a payload', () => {
    expect(printed.length).toBeGreaterThan(1000);
    expect(printed).not.toContain(secret);
  });

  it('loads the parser of CSV only when it reads some', async () => {
    const script = `require(${JSON.stringify(cliMain)}); console.log(Object.keys(require.cache).filter((f) => f.includes('csv-parse')).length)`;
    const child = spawn(process.execPath, ['-e', script, 'x', '--help']);
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    expect(out).toMatch(/^0$/m);
  });
});

describe('going through all receipts', () => {
  it('meets each once over many pages, and only those that the filter lets through', async () => {
    const store = new MemoryReceipts(new MemoryDatabase(systemClock));
    const keys: string[] = [];
    for (let i = 0; i < 1001; i++)
      keys.push(await receipt(store, `all:${i}`, 'committed', { key: randomUUID() }));
    await receipt(store, 'other', 'committed', { action: 'refund' });
    const met: string[] = [];
    for await (const { key } of eachReceipt(store, { action: 'charge' })) met.push(key);
    expect(met).toEqual([...keys].sort());
  });

  it('plans each page by its own bounds: the one plan of a prepared statement would sort all rows for every page', async () => {
    const pool = newPool({ max: 1 });
    const store = pgReceipts(pool, { schema: scratch.schema });
    await store.list();
    for (let i = 0; i < 7; i++) await store.list({ afterKey: randomUUID() });
    const { rows } = await pool.query<{ name: string }>('select name from pg_prepared_statements');
    await pool.end();
    expect(rows).toEqual([{ name: expect.stringMatching(/^activity_guard_list_[0-9a-f]{16}$/) }]);
  });

  it('works on eight at a time at most, and fails with the first failure', async () => {
    let [now, most, done] = [0, 0, 0];
    await forEach(
      Array.from({ length: 100 }, (_, i) => i),
      async () => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setTimeout(resolve, 1));
        now--;
        done++;
      },
    );
    expect({ most, done }).toEqual({ most: 8, done: 100 });
    const failing = forEach([1, 2, 3], async (i) => {
      if (i === 2) throw new Error('away');
    });
    await expect(failing).rejects.toThrow('away');
  });
});

describe('a large export', () => {
  const size = 100_000;

  it('is compared within a bounded heap', async () => {
    const large = await scratchSchema();
    const before = scratch;
    scratch = large;
    try {
      // Straight into the table: only their number counts here.
      const keys = Array.from({ length: size }, (_, i) => receiptKey('default', hashRequestId(`order:${i}`)));
      await large.pool.query(
        `insert into "${large.schema}".receipts (key, namespace, request_id, action, fingerprint, state, policy, token,
           lease_until, settled_at, outcome_format, outcome)
         select key, 'default', 'order:' || (n - 1), 'charge', sha256('x'), 'committed', 'hold', gen_random_uuid(),
           now(), now(), 'json', convert_to(repeat('x', 200), 'UTF8')
         from unnest($1::uuid[]) with ordinality as t (key, n)`,
        [keys],
      );
      await large.pool.query(`analyze "${large.schema}".receipts`);
      const rows = Array.from({ length: size }, (_, i) => `ch_${i},order:${i + 1},paid,${'x'.repeat(900)}\n`);
      const path = file('large.csv', `id,request_id,status,description\n${rows.join('')}`);
      const start = performance.now();
      const { code, out, err } = await run([path, ...options], { flags: ['--max-old-space-size=80'] });
      const seconds = (performance.now() - start) / 1000;
      expect({ code, err }).toEqual({ code: 1, err: '' });
      expect(out).toMatch(/^confirmed +99999$/m);
      expect(out).toMatch(/^missing at the provider +1$/m);
      expect(out).toMatch(/^unrecorded +1$/m);
      if (process.env['REPORT_TIMES'])
        process.stderr.write(`${size} against ${size}: ${seconds.toFixed(1)} s\n`);
    } finally {
      scratch = before;
      await large.close();
    }
  }, 180_000);
});
