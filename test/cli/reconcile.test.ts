/** `activity-guard reconcile` with probes of the user's own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { over, requestFor } from '../contract/rows';
import { runCli, type Ended } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const folder = mkdtempSync(join(tmpdir(), 'probes-'));
let scratch: ScratchSchema;
beforeAll(async () => (scratch = await scratchSchema()));
afterAll(async () => {
  await scratch.close();
  rmSync(folder, { recursive: true });
});

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const reconcile = (namespace: string, ...args: string[]): Promise<Ended> =>
  runCli(['reconcile', '--no-temporal', '--schema', scratch.schema, '--namespace', namespace, ...args]);

/** What the provider has. */
const probe = `({ requestId, payload, claim }) => {
  if (payload !== undefined) throw new TypeError('a payload');
  if (requestId.endsWith('gone')) return { verdict: 'not-committed' };
  if (requestId.endsWith('odd')) throw Object.assign(new Error('SECRET'), { code: 'ECONNRESET' });
  return requestId.endsWith('there') ? { verdict: 'committed', result: { id: requestId, epoch: claim.epoch } } : undefined;
}`;

async function unknowns(namespace: string, ids: readonly string[], more: object = {}): Promise<void> {
  const store = scratch.open(namespace);
  for (const id of ids) await store.claim(requestFor(id, { namespace, leaseMs: over, ...more }));
}

const statesIn = async (namespace: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await scratch.open(namespace).list()).map(({ requestId, state }) => [requestId, state]),
  );

describe('activity-guard reconcile', () => {
  // What is settled leaves the queue when it comes due: a thousand of those must not hide, or hold up, what is behind them.
  it('looks behind what has been settled since', async () => {
    const store = scratch.open('behind');
    await scratch.pool.query(
      `with settled as (
  insert into "${scratch.schema}".receipts (key, namespace, request_id, action, fingerprint, state, policy, token,
    lease_until, settled_at, outcome_format)
  select md5(g::text)::uuid, 'behind', g::text, 'charge', sha256('')::bytea, 'committed', 'hold', gen_random_uuid(),
    now(), now(), 'none' from generate_series(1, 1000) as g returning key
) insert into "${scratch.schema}".queue (key, namespace, look_at)
  select key, 'behind', now() - interval '1 day' from settled`,
    );
    const request = requestFor('behind:1', { namespace: 'behind', leaseMs: over });
    await store.claim(request);
    await store.addEvidence({ key: request.key, epoch: 1, source: 'webhook', verdict: 'not-committed' });
    const { out } = await reconcile('behind', '--json');
    expect(JSON.parse(out)).toMatchObject({ looked: 1, released: 1 });
  });
});

describe('activity-guard reconcile --probes', () => {
  it.each([
    ['esm.mjs', `setInterval(() => {}, 1000); export const probes = { charge: ${probe} };`],
    ['cjs.cjs', `const all = { probes: { charge: ${probe} } };\nmodule.exports = all;`],
  ])('asks about what nobody knows, by %s, under any policy', async (name, content) => {
    await unknowns(name, ['1:there', '2:gone', '3:odd', '4:odd', '5:nowhere']);
    await unknowns(name, ['6:there'], { origin: { step: 'mail' } });
    await unknowns(name, ['7:there'], { action: 'refund' });
    const { code, out, err } = await reconcile(name, '--probes', file(name, content), '--json');
    expect({ code, err }).toEqual({
      ...{
        code: 0,
        err: expect.stringMatching(/^activity-guard: asking .* charge failed \(ECONNRESET\).*\n$/),
      },
    });
    expect(JSON.parse(out)).toMatchObject({ looked: 7, committed: 2, released: 1, open: 4, postponed: 0 });
    expect(await statesIn(name)).toEqual({
      ...{ '1:there': 'committed', '2:gone': 'released', '3:odd': 'claimed', '4:odd': 'claimed' },
      ...{ '5:nowhere': 'claimed', '6:there': 'committed', '7:there': 'claimed' },
    });
    const [there] = await scratch.open(name).list({ states: ['committed'] });
    expect([there?.outcome?.format, new TextDecoder().decode(there?.outcome?.bytes)]).toEqual([
      'json',
      JSON.stringify({ id: there?.requestId, epoch: 1 }),
    ]);
    expect((await scratch.open(name).get(there?.key ?? ''))?.evidence).toMatchObject([
      { source: 'probe', verdict: 'committed' },
    ]);
  });

  it('asks no more than the budget that the module gives', async () => {
    await unknowns('budget', ['1:there', '2:there', '3:there']);
    const module = file(
      'b.mjs',
      `export const probes = { charge: ${probe} }, budgets = { charge: { perSecond: 0.1 } };`,
    );
    const { out } = await reconcile('budget', '--probes', module, '--json');
    expect(JSON.parse(out)).toMatchObject({ looked: 3, committed: 1, postponed: 2 });
  });

  it.each([
    ['none.mjs', undefined, /--probes: there is no file \S+none\.mjs/],
    ['empty.mjs', '', /empty\.mjs does not export probes: \{ \[action\]: probe \}/],
    ['no.mjs', 'export const probes = {};', /does not export probes/],
    ['text.mjs', 'export const probes = "charge";', /does not export probes/],
    ['hold.mjs', "export const probes = { charge: 'hold' };", /the probe of charge in \S+ is not a function/],
    ['syntax.mjs', 'export const probes = {', /syntax\.mjs cannot be loaded \(SyntaxError\)/],
    ['throws.cjs', "throw new Error('no API key');", /throws\.cjs cannot be loaded \(Error\)/],
    [
      'budget.mjs',
      'export const probes = { a: () => {} }, budgets = { a: { atOnce: 0 } };',
      /The budget of a: atOnce/,
    ],
    [
      'typo.mjs',
      'export const probes = { a: () => {} }, budgets = { b: {} };',
      /a budget of b, but no probe/,
    ],
  ])('refuses %s with 2 before anything is asked', async (name, content, message) => {
    const path = content === undefined ? join(folder, name) : file(name, content);
    const nowhere = ['--database-url', 'postgres://127.0.0.1:1/none'];
    const ended = await runCli(['reconcile', '--no-temporal', '--probes', path, ...nowhere]);
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });
});
