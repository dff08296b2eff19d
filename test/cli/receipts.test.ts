import { spawnSync } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { showCommand } from '../../src/core';
import { generationId, hashRequestId, receiptKey } from '../../src/ids';
import { outcomeOf, over, read, requestFor, textOf } from '../contract/rows';
import { asDocumented } from '../support/cli-json';
import { cliMain, runCli, type Ended } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
/** Everything the command ever printed. */
let printed = '';

async function cli(...args: string[]): Promise<Ended> {
  const ended = await runCli([...args, '--schema', scratch.schema]);
  printed += ended.out + ended.err;
  return ended;
}

const json = async (...args: string[]): Promise<unknown> => {
  const { code, out, err } = await cli(...args, '--json');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return asDocumented(args[0] ?? '', out);
};

/** With the token of what is seen now, and a reason. */
async function decide(command: 'resolve' | 'supersede', id: string, ...more: string[]): Promise<string[]> {
  const namespace = more.includes('--namespace')
    ? ['--namespace', more[more.indexOf('--namespace') + 1] ?? '']
    : [];
  const { token } = (await json('show', id, ...namespace)) as { token: string };
  return [command, id, '--token', token, '--reason', 'seen in the console', ...more];
}

const secret = 'SECRET-4111-1111';
const { lapsed, held, paid, elsewhere } = {
  lapsed: requestFor('invoice:42', {
    leaseMs: over,
    origin: { workflowId: 'order-42', temporalNamespace: 'default' },
  }),
  held: requestFor('invoice:43', { leaseMs: 3_600_000 }), // outlasts these tests, on any machine
  paid: requestFor('invoice:44'),
  elsewhere: requestFor('invoice:45', { leaseMs: over, namespace: 'tenant' }),
};

beforeAll(async () => {
  scratch = await scratchSchema({ installed: false });
  const first = await cli('migrate');
  expect(first).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringMatching(/^The receipts tables are at version \d+\.\n$/),
  });
  const store = scratch.open();
  for (const request of [lapsed, held, paid]) await store.claim(request);
  await store.settle({ ...paid, epoch: 1, state: 'committed', outcome: outcomeOf(JSON.stringify(secret)) });
  await scratch.open('tenant').claim(elsewhere);
}, 30_000);
afterAll(() => scratch.close());

describe('activity-guard on the command line', () => {
  it('supersedes a settled id, whose next generation is shown under its own id, and prunes what is old', async () => {
    const store = scratch.open('generations');
    const sent = requestFor('mail:1', { namespace: 'generations' });
    await store.claim(sent);
    const held = await cli(...(await decide('supersede', 'mail:1', '--namespace', 'generations')));
    expect(held).toMatchObject({
      code: 1,
      err: expect.stringContaining('wait for its lease and grace time'),
    });
    await store.settle({ ...sent, epoch: 1, state: 'committed', outcome: outcomeOf('1') });
    const again = await decide('supersede', 'mail:1', '--by', 'Ann', '--namespace', 'generations');
    expect(await json(...again)).toEqual({ requestId: 'mail:1', superseded: true, woken: 'none' });
    expect((await cli(...again)).code).toBe(1);
    const second = generationId({ requestId: 'mail:1', requestIdHash: hashRequestId('mail:1') }, 2);
    const key = receiptKey('generations', second.requestIdHash);
    await store.claim({ ...sent, key, requestId: second.requestId });
    expect(await json('show', 'mail:1~g2', '--namespace', 'generations')).toMatchObject({ state: 'claimed' });
    expect(await json('show', 'mail:1', '--namespace', 'generations')).toMatchObject({
      ...{ state: 'superseded', evidence: [{ source: 'operator', by: 'Ann', note: 'seen in the console' }] },
    });
    const prune = ['prune', '--namespace', 'generations', '--older-than'];
    expect(await json(...prune, '90d')).toEqual({ pruned: 0 });
    // What is superseded stays so, without its outcome: it leads to the next generation.
    expect(await json(...prune, '0s')).toEqual({ pruned: 1 });
    for (const result of ['"four"', '1']) {
      const request = requestFor(`with ${result}`, { namespace: 'generations' });
      await store.claim(request);
      await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf(result) });
    }
    const results = ['--results-older-than', '0s', '--larger-than', '5B', '--namespace', 'generations'];
    expect(await json('prune', ...results)).toEqual({ pruned: 0, resultsDropped: 1 });
    expect((await cli('prune', ...results)).out).toBe('Dropped 0 results.\n');
    const both = ['--results-older-than', '0s', '--older-than', '0s', '--namespace', 'generations'];
    expect(await json('prune', ...both)).toEqual({ pruned: 2, resultsDropped: 1 });
    expect(await json('show', 'mail:1', '--namespace', 'generations')).toMatchObject({ state: 'superseded' });
  });

  it('migrates again without harm', async () => {
    expect(await json('migrate')).toEqual({ version: expect.any(Number) });
  });

  it('lists what is there, and what needs somebody, in one namespace', async () => {
    expect((await cli('list')).out.trimEnd().split('\n')).toHaveLength(3);
    expect(await json('list', '--unresolved')).toEqual([
      expect.objectContaining({
        requestId: 'invoice:42',
        state: 'claimed',
        unresolved: true,
        origin: { workflowId: 'order-42', temporalNamespace: 'default' },
        epoch: 1,
      }),
    ]);
    expect((await cli('list', '--unresolved')).out).toMatch(/^\S+ {2}unknown {4}charge {2}invoice:42\n$/);
    expect(await json('list', '--limit', '1')).toHaveLength(1);
    expect(await json('list', '--namespace', 'tenant')).toEqual([
      expect.objectContaining({ requestId: 'invoice:45', namespace: 'tenant' }),
    ]);
  });

  it('shows a receipt by its id or its hash, without its token or payload', async () => {
    const shown = await json('show', 'invoice:44');
    expect(shown).toMatchObject({
      state: 'committed',
      evidence: [],
      outcome: { format: 'json', bytes: secret.length + 2 },
    });
    expect(JSON.stringify(shown)).not.toContain(paid.token);
    expect((await cli('show', 'invoice:44')).out).not.toContain(paid.token);
  });

  it('counts', async () => {
    expect(await json('stats')).toMatchObject({ states: { claimed: 2, committed: 1 }, unresolved: 1 });
    expect((await cli('stats')).out).toMatch(/unresolved +1\n/);
  });

  it('says that there is no such receipt', async () => {
    for (const args of [
      ['show', 'invoice:0'],
      ['resolve', 'invoice:0', '--committed', '--token', '1.unknown.0', '--reason', 'r'],
      ['show', 'invoice:45'],
    ]) {
      expect(await cli(...args)).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringMatching(/no receipt has request id invoice:\d+ in namespace default/),
      });
    }
  });

  // As a person pastes it from the failure of an activity.
  it('shows a receipt by the command that its failure names, whatever the id holds', async () => {
    for (const requestId of [`it's "$HOME" \\`, '--json']) {
      const request = requestFor(requestId, { namespace: 'odd' });
      await scratch.open('odd').claim(request);
      const command = showCommand(requestId).replace('activity-guard', '"$@"');
      const args = [process.execPath, cliMain, '--schema', scratch.schema, '--namespace', 'odd'];
      const { status, stdout } = spawnSync('sh', ['-c', command, 'sh', ...args], { encoding: 'utf8' });
      expect([status, stdout]).toEqual([0, expect.stringContaining(requestId)]);
    }
  });

  it('refuses to resolve what somebody holds or what is settled, and says why', async () => {
    expect(await cli(...(await decide('resolve', 'invoice:43', '--not-committed')))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/somebody holds it/),
    });
    expect(await cli(...(await decide('resolve', 'invoice:44', '--not-committed')))).toMatchObject({
      code: 1,
      err: expect.stringMatching(/it is committed; .*kept as evidence/),
    });
    expect((await read(scratch.open(), paid)).receipt.state).toBe('committed');
  });

  it('resolves an unknown outcome with the result that callers get, keeps the reason, and then lists it no more', async () => {
    const result = JSON.stringify({ id: 'ch_1', note: secret });
    const decision = await decide('resolve', 'invoice:42', '--committed', '--result', result, '--by', 'Ann');
    expect(await json(...decision)).toEqual({
      ...{
        requestId: 'invoice:42',
        resolved: true,
        state: 'committed',
        token: '1.committed.1',
        woken: 'none',
      },
    });
    // Mutation: a second one that decides on what the first has changed.
    expect(await cli(...decision)).toMatchObject({
      ...{ code: 1, err: expect.stringMatching(/has changed since you looked at it.*1\.committed\.1/) },
    });
    const found = await scratch.open().get(lapsed.key);
    expect([found && textOf(found.receipt), found?.receipt.outcome?.format]).toEqual([result, 'json']);
    expect(found?.evidence).toEqual([
      expect.objectContaining({
        ...{ source: 'operator', verdict: 'committed', by: 'Ann', note: 'seen in the console' },
      }),
    ]);
    expect(await json('list', '--unresolved')).toEqual([]);
    const { out } = await cli('show', 'invoice:42', '--ui', 'http://ui/');
    expect(out).toMatch(
      /operator Ann {2}committed {2}\(attempt 1\) {2}with a result of \d+ bytes {2}seen in the console/,
    );
    expect(out).toMatch(/workflow {11}http:\/\/ui\/namespaces\/default\/workflows\/order-42\n/);
  });

  // Mutation: a "no" that was looked up before the search could show the effect, and given when it counts.
  it('takes no "it did not happen" from who looked while the effect could still arrive', async () => {
    const store = scratch.open('early');
    const early = requestFor('invoice:47', { leaseMs: 1, graceMs: 2500, namespace: 'early' });
    await store.claim(early);
    const decision = await decide('resolve', 'invoice:47', '--not-committed', '--namespace', 'early');
    expect(decision[3]).toBe('1.claimed.0.early');
    await delay(2600);
    expect(await cli(...decision)).toMatchObject({
      ...{
        code: 1,
        err: expect.stringMatching(/when you looked.*ask the provider again/),
      },
    });
    const again = await decide('resolve', 'invoice:47', '--not-committed', '--namespace', 'early');
    expect(await json(...again)).toMatchObject({ state: 'released' });
    expect((await store.get(early.key))?.evidence).toHaveLength(1);
    // What did happen does not unhappen.
    const seen = requestFor('invoice:48', { leaseMs: 1, graceMs: 60_000, namespace: 'early' });
    await store.claim(seen);
    const yes = await decide('resolve', 'invoice:48', '--committed', '--result', '1', '--namespace', 'early');
    expect(yes[3]).toBe('1.claimed.0.early');
    expect(await json(...yes)).toMatchObject({ state: 'committed' });
  });

  it('releases what did not happen, in the namespace that was named', async () => {
    const ended = await cli(
      ...(await decide('resolve', 'invoice:45', '--not-committed', '--namespace', 'tenant')),
    );
    expect(ended).toEqual({ code: 0, out: 'invoice:45 is now released. Nobody was woken.\n', err: '' });
  });

  describe('who decides', () => {
    /** Something that is no Temporal: it takes connections and says nothing. */
    const connections: unknown[] = [];
    const mute = createServer((socket) => {
      connections.push(socket);
      socket.on('error', () => undefined);
    });
    let address: string;
    beforeAll(async () => {
      await new Promise<void>((done) => mute.listen(0, '127.0.0.1', done));
      address = `127.0.0.1:${(mute.address() as AddressInfo).port}`;
    });
    afterAll(() => void mute.close());

    const decided = async (id: string, origin: Record<string, string>, at: string, ...more: string[]) => {
      await scratch.open('deciding').claim(requestFor(id, { leaseMs: over, namespace: 'deciding', origin }));
      const args = await decide('resolve', id, '--namespace', 'deciding', '--not-committed', ...more);
      const env = { TEMPORAL_ADDRESS: at };
      const from = performance.now();
      const ended = await runCli([...args, '--schema', scratch.schema], { env });
      return { ...ended, tookMs: performance.now() - from };
    };
    const ofWorkflow = { workflowId: 'order-1', temporalNamespace: 'default' };

    // Mutation: a connection for everybody, or one that may take as long as it likes.
    it('decides all the same where Temporal is away, and soon, and says so', async () => {
      for (const at of [address, '127.0.0.1:1']) {
        const { code, out, err, tookMs } = await decided(`away:${at}`, ofWorkflow, at);
        expect({ code, out }).toEqual({ code: 0, out: `away:${at} is now released.\n` });
        expect(err).toMatch(
          /nobody was woken: Temporal cannot be reached at .*\n.*The decision counts\..* goes on with its next retry\.\n$/,
        );
        expect(tookMs).toBeLessThan(6000);
      }
      expect(connections.length).toBeGreaterThan(0);
      const args = await decide('supersede', `away:${address}`, '--namespace', 'deciding', '--json');
      const env = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
      const { code, out, err } = await runCli([...args, '--schema', scratch.schema], { env });
      expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/nobody was woken/) });
      expect(JSON.parse(out)).toMatchObject({ superseded: true, woken: 'unreachable' });
    });

    it('asks no Temporal about what does not come from it, nor when told not to', async () => {
      connections.length = 0;
      const ended = [
        await decided('plain:1', { worker: 'test' }, address),
        await decided('plain:2', { workflowId: 'order-1' }, address),
        await decided('plain:3', ofWorkflow, address, '--no-temporal'),
      ];
      for (const { code, out, err } of ended)
        expect({ code, out, err }).toEqual({
          ...{ code: 0, out: expect.stringMatching(/ is now released\. Nobody was woken\.\n$/), err: '' },
        });
      expect(connections).toEqual([]);
    });
  });

  it('shows what is contested, and how a person ends it', async () => {
    const disputed = requestFor('invoice:46', { leaseMs: over });
    const store = scratch.open();
    await store.claim(disputed);
    const said = { key: disputed.key, epoch: 1, source: 'webhook' } as const;
    await store.addEvidence({ ...said, verdict: 'committed', note: 'charge.succeeded' });
    await store.addEvidence({ ...said, source: 'probe', verdict: 'not-committed', contests: true });
    expect(await json('list', '--state', 'contested')).toMatchObject([
      { requestId: 'invoice:46', contested: true },
    ]);
    expect(await json('list', '--state', 'unknown')).toMatchObject([{ requestId: 'invoice:46' }]);
    expect(await json('list', '--state', 'rejected')).toEqual([]);
    expect((await cli('stats')).out).toMatch(/contested +1\n/);
    const { out } = await cli('show', 'invoice:46');
    expect(out).toMatch(
      /state +contested .*webhook {2}committed .*charge\.succeeded.*probe {2}not-committed/s,
    );
    expect(out).toMatch(
      /activity-guard resolve 'invoice:46' --token 1\.unknown\.2 --reason TEXT --committed/,
    );
    // One source says that it happened: it does not run again by anybody's word, but by a new generation.
    expect(await cli(...(await decide('resolve', 'invoice:46', '--not-committed')))).toMatchObject({
      ...{ code: 1, err: expect.stringMatching(/evidence that it was committed.*supersede/) },
    });
    expect(await json(...(await decide('resolve', 'invoice:46', '--compensated')))).toMatchObject({
      state: 'rejected',
    });
    expect(await json('list', '--state', 'contested')).toEqual([]);
  });

  it.each([
    [[], /which command/],
    [['lsit'], /unknown command 'lsit' \(Did you mean list\?\)\nTry: activity-guard --help\n$/],
    [['list', '--unknown-option'], /unknown-option/],
    [['list', '--limit', '0'], /--limit.*\nTry: activity-guard list --help\n$/],
    [['show'], /show takes one request id/],
    [['resolve', 'invoice:43'], /one of --committed, --not-committed and --compensated/],
    [['resolve', 'invoice:43', '--committed', '--result', '{half', '--reason', 'r'], /--result is not JSON/],
    [['resolve', 'invoice:43', '--committed'], /--reason/],
    [
      ['resolve', 'invoice:43', '--committed', '--reason', 'r'],
      /--token, as .activity-guard show. prints it/,
    ],
    [['supersede', 'invoice:43', '--reason', 'r', '--token', '1.lost.0'], /--token/],
    [['list', '--state', 'lost'], /--state takes one of claimed/],
  ])('exits with 2 on bad input: %p', async (args, message) => {
    expect(await cli(...args)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  it('says that nothing listens at the address, what to do, and no password', async () => {
    const { code, out, err } = await cli(
      'list',
      '--database-url',
      'postgres://nobody:hunter2@127.0.0.1:1/none',
    );
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /ECONNREFUSED.*is the database running\? Give --database-url, DATABASE_URL or PG\* variables/,
    );
    expect(err).not.toMatch(/hunter2|\n\s+at /);
  });

  it('says that the tables are missing, and how to make them', async () => {
    const empty = await scratchSchema({ installed: false });
    const before = scratch;
    scratch = empty;
    const missing = await cli('list').finally(() => (scratch = before));
    await empty.close();
    expect(missing).toMatchObject({
      code: 1,
      err: expect.stringMatching(/tables are missing: run `activity-guard migrate`/),
    });
  });

  it('has never printed a payload, in any encoding', () => {
    expect(printed.length).toBeGreaterThan(1000);
    for (const encoding of ['utf8', 'hex', 'base64'] as const)
      expect(printed).not.toContain(Buffer.from(secret).toString(encoding).slice(0, 15));
    expect(printed).not.toMatch(/ch_1/);
  });
});
