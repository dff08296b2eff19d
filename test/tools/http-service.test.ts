/** `activity-guard serve` over Postgres: real processes, real requests, every answer held against its document. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Guard, RejectedError } from '../../src';
import { resolveCommitted, runCli } from '../support/cli-process';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import { client, startServing, stop, type Answered, type Serving } from '../support/serving';
import { until } from '../support/waiting';

const keyOfShop = 'shop-secret-0123456789';
const keyOfBank = 'bank-secret-0123456789';
const keys = `# two tenants\nshop ${keyOfShop}\n\nbank ${keyOfBank}\n`;

let scratch: ScratchSchema;
let serving: Serving;
const env = { ACTIVITY_GUARD_KEYS: keys };

beforeAll(async () => {
  scratch = await scratchSchema();
  serving = await startServing(['--schema', scratch.schema], env);
});
afterAll(async () => {
  await stop(serving);
  await scratch.close();
});

const shop = client(() => serving.url, keyOfShop);
const bank = client(() => serving.url, keyOfBank);
const newId = (): string => `invoice/${randomUUID()} 100% ü`;
const claimOf = (requestId: string, more: object = {}) => ({
  ...{ requestId, action: 'charge', payload: { amount: 5 }, ...more },
});
const tokenIn = ({ body }: Answered): string => body['token'] as string;

/** Claimed with a lease that is over. */
async function lapsed(requestId: string): Promise<string> {
  const token = tokenIn(await shop.claim(claimOf(requestId, { leaseFor: 500 })));
  await until(async () => (await shop.receipt(requestId)).body['state'] === 'unknown');
  return token;
}

describe('claiming and settling', () => {
  it('lets one proceed, and tells everybody else what became of it', async () => {
    const id = newId();
    const first = await shop.claim(claimOf(id));
    expect(first).toMatchObject({
      status: 200,
      body: { answer: 'PROCEED', requestId: id, epoch: 1 },
    });
    const second = await shop.claim(claimOf(id));
    expect(second).toMatchObject({ status: 409, body: { answer: 'IN_FLIGHT', requestId: id } });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'claimed', action: 'charge' });

    const settlement = { token: tokenIn(first), outcome: 'committed', result: { id: 'ch_1', at: [1, null] } };
    const settled = { status: 200, body: { answer: 'SETTLED', requestId: id, state: 'committed' } };
    expect(await shop.settle(id, settlement)).toMatchObject(settled);
    expect(await shop.settle(id, settlement)).toMatchObject(settled);
    const end = { state: 'committed', result: settlement.result };
    expect(await shop.claim(claimOf(id))).toMatchObject({ status: 200, body: { answer: 'SKIP', ...end } });
    // Its result is told only to who claims the same.
    const receipt = await shop.receipt(id);
    expect(receipt).toMatchObject({ status: 200, body: { state: 'committed', requestId: id } });
    expect(JSON.stringify(receipt.body)).not.toMatch(new RegExp(`ch_1|${tokenIn(first)}`));
  });

  it('has one of many racers proceed', async () => {
    const id = newId();
    const racers = await Promise.all(Array.from({ length: 30 }, () => shop.claim(claimOf(id))));
    const answers = racers.map(({ body }) => body['answer']);
    expect(answers.filter((answer) => answer === 'PROCEED')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'IN_FLIGHT')).toHaveLength(29);
  });

  it('keeps a final no, with why', async () => {
    const id = newId();
    const token = tokenIn(await shop.claim(claimOf(id)));
    const no = { token, outcome: 'rejected', result: 'card declined' };
    expect(await shop.settle(id, no)).toMatchObject({ status: 200, body: { state: 'rejected' } });
    const error = { name: 'RejectedError', message: 'card declined' };
    expect((await shop.claim(claimOf(id))).body).toMatchObject({ answer: 'SKIP', state: 'rejected', error });
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'rejected' });
    expect(await shop.settle(id, { token, outcome: 'committed' })).toMatchObject({
      ...{ status: 409, body: { answer: 'LATE', state: 'rejected' } },
    });
  });

  it('lets the next one proceed where nothing happened', async () => {
    const id = newId();
    const token = tokenIn(await shop.claim(claimOf(id)));
    const nothing = { token, outcome: 'not-committed' };
    const released = { status: 200, body: { answer: 'SETTLED', state: 'released' } };
    expect(await shop.settle(id, nothing)).toMatchObject(released);
    expect(await shop.settle(id, nothing)).toMatchObject(released);
    const second = await shop.claim(claimOf(id));
    expect(second.body).toMatchObject({ answer: 'PROCEED', epoch: 2 });
    const late = (state: string) => ({ status: 409, body: { answer: 'LATE', state } });
    expect(await shop.settle(id, nothing)).toMatchObject(late('claimed'));
    await shop.settle(id, { token: tokenIn(second), outcome: 'committed', result: 1 });
    expect(await shop.settle(id, { ...nothing, token: tokenIn(second) })).toMatchObject(late('committed'));
    // What an earlier holder says that late is evidence, and changes nothing.
    expect(await shop.settle(id, { token, outcome: 'committed', result: 2 })).toMatchObject(
      late('committed'),
    );
    expect((await shop.claim(claimOf(id))).body).toMatchObject({ answer: 'SKIP', result: 1 });
  });

  it('refuses another payload or action under an id', async () => {
    const id = newId();
    await shop.claim(claimOf(id));
    for (const other of [{ payload: { amount: 6 } }, { action: 'refund' }, { fingerprint: 'x' }])
      expect(await shop.claim(claimOf(id, other))).toMatchObject({
        ...{ status: 422, body: { answer: 'CONFLICT', code: 'RequestIdReused', requestId: id } },
      });
    const byPrint = newId();
    await shop.claim(claimOf(byPrint, { fingerprint: 'x', payload: 1 }));
    expect((await shop.claim(claimOf(byPrint, { fingerprint: 'x', payload: 2 }))).body).toMatchObject({
      answer: 'IN_FLIGHT',
    });
  });

  it('takes no word from who has no token of the claim', async () => {
    const id = newId();
    await shop.claim(claimOf(id));
    const token = randomUUID();
    for (const outcome of ['committed', 'rejected', 'not-committed'])
      expect(await shop.settle(id, { token, outcome })).toMatchObject({
        ...{ status: 409, body: { answer: 'NOT_HELD', requestId: id } },
      });
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'claimed' });
    const { rows } = await scratch.pool.query(
      `select count(*)::int as n from "${scratch.schema}".evidence e join "${scratch.schema}".receipts r using (key) where r.request_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ n: 0 }]);
  });
});

describe('what is not settled in time', () => {
  it('is unknown, until its own holder or an operator says what happened', async () => {
    const [mine, theirs] = [newId(), newId()];
    const token = await lapsed(mine);
    await lapsed(theirs);
    for (const id of [mine, theirs])
      expect(await shop.claim(claimOf(id))).toMatchObject({
        status: 409,
        body: { answer: 'UNKNOWN', requestId: id },
      });
    expect(await shop.settle(mine, { token, outcome: 'committed', result: 'late' })).toMatchObject({
      status: 200,
    });
    expect((await shop.claim(claimOf(mine))).body).toMatchObject({ answer: 'SKIP', result: 'late' });

    await resolveCommitted({ schema: scratch.schema, namespace: 'shop' }, theirs, { id: 7 });
    expect((await shop.claim(claimOf(theirs))).body).toMatchObject({ answer: 'SKIP', result: { id: 7 } });
  });

  it('has more time while its holder renews it, and not after', async () => {
    const id = newId();
    const token = tokenIn(await shop.claim(claimOf(id, { leaseFor: 1000 })));
    expect(await shop.renew(id, { token, leaseFor: '1m' })).toMatchObject({
      ...{ status: 200, body: { answer: 'RENEWED', requestId: id, leaseMs: 60_000 } },
    });
    await delay(1100);
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'claimed' });
    const stolen = { token: randomUUID(), leaseFor: '1m' };
    expect(await shop.renew(id, stolen)).toMatchObject({ status: 409, body: { answer: 'NOT_HELD' } });
    expect(await shop.renew(id, { token })).toMatchObject({ status: 400 });
    await shop.renew(id, { token, leaseFor: 500 });
    await until(async () => (await shop.receipt(id)).body['state'] === 'unknown');
    expect(await shop.renew(id, { token, leaseFor: '1m' })).toMatchObject({
      ...{ status: 409, body: { answer: 'UNKNOWN', requestId: id } },
    });
    await shop.settle(id, { token, outcome: 'committed' });
    expect(await shop.renew(id, { token, leaseFor: '1m' })).toMatchObject({
      ...{ status: 409, body: { answer: 'LATE', state: 'committed' } },
    });
  });

  it('is unknown at once where its holder says so', async () => {
    const id = newId();
    const token = tokenIn(await shop.claim(claimOf(id)));
    const unknown = { status: 200, body: { answer: 'SETTLED', state: 'unknown' } };
    expect(await shop.settle(id, { token, outcome: 'unknown', result: null })).toMatchObject(unknown);
    expect(await shop.claim(claimOf(id))).toMatchObject({ status: 409, body: { answer: 'UNKNOWN' } });
  });

  it('stays unknown where its holder says too late that nothing happened', async () => {
    const id = newId();
    const token = await lapsed(id);
    expect(await shop.settle(id, { token, outcome: 'not-committed' })).toMatchObject({
      ...{ status: 409, body: { answer: 'UNKNOWN', requestId: id } },
    });
    expect((await shop.claim(claimOf(id))).body).toMatchObject({ answer: 'UNKNOWN' });
  });
});

describe('receipts of others', () => {
  it('are not found with the key of another namespace', async () => {
    const id = newId();
    const token = tokenIn(await shop.claim(claimOf(id)));
    await shop.settle(id, { token, outcome: 'committed' });
    expect(await bank.receipt(id)).toMatchObject({ status: 404 });
    expect(await bank.settle(id, { token, outcome: 'committed' })).toMatchObject({
      ...{ status: 409, body: { answer: 'NOT_HELD' } },
    });
    expect((await bank.claim(claimOf(id, { action: 'own' }))).body).toMatchObject({ answer: 'PROCEED' });
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'committed', action: 'charge' });
  });

  it.each([
    [''],
    ['shop'],
    [`${keyOfShop}x`],
    [keyOfShop.slice(0, -1)],
    ['Bearer'],
    [`${keyOfShop} ${keyOfBank}`],
  ])('are not shown for the key %j', async (key) => {
    const stranger = client(() => serving.url, key);
    for (const refused of [
      await stranger.claim(claimOf('x')),
      await stranger.settle('x', {}),
      await stranger.receipt('x'),
    ]) {
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('are what a Guard in this language reads and writes, too', async () => {
    const guard = new Guard({ receipts: scratch.open('shop') });
    const [paid, refused, dated] = [newId(), newId(), newId()];
    const request = { action: 'charge', payload: { amount: 5 } };
    await guard.execute({ ...request, requestId: paid, run: () => ({ id: 1 }) });
    await guard.execute({
      ...request,
      requestId: refused,
      run: () => Promise.reject(new RejectedError('no')),
    });
    await guard.execute({ ...request, requestId: dated, run: () => 12n });
    expect((await shop.claim(claimOf(paid))).body).toMatchObject({ answer: 'SKIP', result: { id: 1 } });
    expect((await shop.claim(claimOf(refused))).body).toMatchObject({
      state: 'rejected',
      error: { message: 'no' },
    });
    expect((await shop.claim(claimOf(dated))).body).toMatchObject({
      state: 'committed',
      resultUnavailable: true,
    });

    const [theirs, no] = [newId(), newId()];
    await shop.settle(theirs, {
      token: tokenIn(await shop.claim(claimOf(theirs))),
      outcome: 'committed',
      result: [2],
    });
    await shop.settle(no, {
      token: tokenIn(await shop.claim(claimOf(no))),
      outcome: 'rejected',
      result: 'not you',
    });
    const run = (): never => {
      throw new Error('must not run');
    };
    expect(await guard.execute({ ...request, requestId: theirs, run })).toMatchObject({
      ok: true,
      result: [2],
    });
    expect(await guard.execute({ ...request, requestId: no, run })).toMatchObject({
      ...{ ok: false, reason: 'execute_failed:RejectedError', error: { message: 'not you' } },
    });
  });

  it('lead to the next generation once superseded, and are a conflict once pruned', async () => {
    const id = newId();
    await shop.settle(id, { token: tokenIn(await shop.claim(claimOf(id))), outcome: 'committed', result: 1 });
    const at = ['--schema', scratch.schema, '--namespace', 'shop', '--json'];
    const shown = JSON.parse((await runCli(['show', id, ...at])).out) as { token: string };
    await runCli(['supersede', id, '--token', shown.token, '--reason', 'again', '--no-temporal', ...at]);
    const again = await shop.claim(claimOf(id));
    const next = `${id}~g2`;
    expect(again.body).toMatchObject({ answer: 'PROCEED', requestId: next });
    expect(await shop.settle(next, { token: tokenIn(again), outcome: 'committed', result: 2 })).toMatchObject(
      {
        status: 200,
      },
    );
    expect((await shop.claim(claimOf(id))).body).toMatchObject({
      answer: 'SKIP',
      requestId: next,
      result: 2,
    });
    expect((await shop.receipt(id)).body).toMatchObject({ state: 'superseded' });

    const pruned = newId();
    await shop.settle(pruned, { token: tokenIn(await shop.claim(claimOf(pruned))), outcome: 'committed' });
    await scratch.open('shop').prune({ retainMs: 0 });
    await delay(1100); // what was just settled is answered from memory for a second
    expect(await shop.claim(claimOf(pruned))).toMatchObject({
      ...{ status: 410, body: { answer: 'CONFLICT', code: 'ReceiptPruned' } },
    });
    expect((await shop.receipt(pruned)).body).toMatchObject({ state: 'pruned' });
  });
});

describe('rubbish', () => {
  it.each<[string, unknown]>([
    ['no JSON', 'rubbish'],
    ['an empty body', ''],
    ['broken UTF-8', Buffer.from('{"requestId":"a\xff","action":"a"}', 'latin1')],
    ['a list', []],
    ['null', 'null'],
    ['no action', { requestId: 'a' }],
    ['an id that is no text', { requestId: 5, action: 'a' }],
    ['an empty id', { requestId: '', action: 'a' }],
    ['a long id', { requestId: 'x'.repeat(513), action: 'a' }],
    ['an id with a NUL', { requestId: 'a\0', action: 'a' }],
    ['half a character', '{"requestId":"\\ud800","action":"a"}'],
    ['the id of a generation', { requestId: 'a~g2', action: 'a' }],
    ['an empty action', { requestId: 'a', action: '' }],
    ['a long action', { requestId: 'a', action: 'x'.repeat(201) }],
    ['a misspelt field', { requestId: 'a', action: 'a', leasefor: 1000 }],
    ['a field of prototypes', '{"requestId":"a","action":"a","__proto__":{}}'],
    ['a short lease', { requestId: 'a', action: 'a', leaseFor: 1 }],
    ['a long lease', { requestId: 'a', action: 'a', leaseFor: '25h' }],
    ['a lease that is no time', { requestId: 'a', action: 'a', leaseFor: 'soon' }],
    ['a lease that is no number', { requestId: 'a', action: 'a', leaseFor: { ms: 5000 } }],
    ['a policy', { requestId: 'a', action: 'a', onUnknown: 'retry' }],
    ['a deep payload', `{"requestId":"a","action":"a","payload":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ])('as a claim is refused: %s', async (_what, body) => {
    const refused = await shop.claim(body);
    expect(refused.status).toBe(400);
    expect(await shop.receipt('a')).toMatchObject({ status: 404 });
  });

  it.each<[string, unknown]>([
    ['no JSON', 'rubbish'],
    ['no token', { outcome: 'committed' }],
    ['a token that is none', { token: 'x', outcome: 'committed' }],
    ['another outcome', { token: randomUUID(), outcome: 'maybe' }],
    ['a misspelt field', { token: randomUUID(), outcome: 'committed', results: 1 }],
    ['an error', { token: randomUUID(), outcome: 'rejected', error: 'x' }],
    ['a result of nothing', { token: randomUUID(), outcome: 'not-committed', result: 1 }],
    ['a result of what nobody knows', { token: randomUUID(), outcome: 'unknown', result: 1 }],
  ])('as a settlement is refused: %s', async (_what, body) => {
    expect(await shop.settle('a', body)).toMatchObject({ status: 400 });
  });

  it('is refused where it is too large, told or not', async () => {
    const large = 'x'.repeat(1024 * 1024 + 1);
    expect(await shop.claim(large)).toMatchObject({ status: 413 });
    expect(await shop.settle('a', large)).toMatchObject({ status: 413 });
    // Node's own client sees an answer that comes while it still sends.
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${keyOfShop}` };
      const sending = request(`${serving.url}/claim`, { method: 'POST', headers, agent: false });
      sending.once('response', (response) => {
        resolve(response.statusCode);
        sending.destroy();
      });
      sending.once('error', reject);
      for (let i = 0; i < 20; i++) sending.write(Buffer.alloc(100_000, 'x'));
    });
    expect(status).toBe(413);
  });

  it('as an id or a path is refused', async () => {
    const token = randomUUID();
    for (const id of ['a\0', 'x'.repeat(513)]) {
      expect(await shop.receipt(id)).toMatchObject({ status: 400 });
      expect(await shop.settle(id, { token, outcome: 'committed' })).toMatchObject({ status: 400 });
    }
    expect(await shop.receipt('nothing')).toMatchObject({ status: 404 });
    const headers = { authorization: `Bearer ${keyOfShop}` };
    for (const path of ['/', '/claim', '/receipts/', '/settle', '/receipts/a/b', '/receipts/%E0%A4%A']) {
      const { status, headers: got } = await fetch(serving.url + path, { headers });
      expect([status, got.get('content-type')]).toEqual([404, 'application/problem+json']);
    }
  });

  it('and secrets are never printed', () => {
    expect(serving.printed()).not.toMatch(/secret|amount/);
  });
});

describe('the process', () => {
  it('says what to do where the tables are missing, and makes none', async () => {
    const empty = await scratchSchema({ installed: false });
    const ended = await runCli(['serve', '--schema', empty.schema], { env });
    expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining('activity-guard migrate') });
    const { rows } = await empty.pool.query('select 1 from pg_namespace where nspname = $1', [empty.schema]);
    expect(rows).toEqual([]);
    await empty.close();
  });

  it('does nothing while the database is away', async () => {
    const away = await startServing(['--schema', scratch.schema], env);
    const renamed = `${scratch.schema}_away`;
    await scratch.pool.query(`alter schema "${scratch.schema}" rename to "${renamed}"`);
    try {
      const caller = client(() => away.url, keyOfShop);
      const token = randomUUID();
      for (const refused of [
        await caller.claim(claimOf('x')),
        await caller.settle('x', { token, outcome: 'committed' }),
        await caller.receipt('x'),
      ]) {
        expect(refused).toMatchObject({
          status: 503,
          body: { type: 'urn:activity-guard:problem:store-away' },
        });
        expect(refused.headers.get('retry-after')).toBe('5');
      }
    } finally {
      await scratch.pool.query(`alter schema "${renamed}" rename to "${scratch.schema}"`);
    }
    expect(await stop(away)).toBe(0);
  });

  it('takes keys from a file, and says which line is none, never what stands there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'activity-guard-keys-'));
    const file = join(folder, 'keys');
    writeFileSync(file, `shop ${keyOfShop}\n`);
    const one = await startServing(['--schema', scratch.schema, '--keys', file], {});
    const only = client(() => one.url, keyOfShop);
    expect(await only.receipt('nothing')).toMatchObject({ status: 404 });
    expect(await client(() => one.url, keyOfBank).receipt('nothing')).toMatchObject({ status: 401 });
    expect(await stop(one)).toBe(0);
    for (const [text, message] of [
      ['', 'there is no API key'],
      [`shop ${keyOfShop}\n${keyOfBank}`, 'line 2'],
      ['shop secret', 'less than 16'],
      [`shop ${keyOfShop}\nbank ${keyOfShop}`, 'given twice'],
    ] as const) {
      writeFileSync(file, text);
      const ended = await runCli(['serve', '--schema', scratch.schema, '--keys', file]);
      expect(ended).toMatchObject({ code: 2, err: expect.stringContaining(message) });
      expect(ended.err).not.toContain('secret');
    }
    rmSync(folder, { recursive: true });
    expect(await runCli(['serve', '--keys', file])).toMatchObject({ code: 2 });
    expect(await runCli(['serve'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('ACTIVITY_GUARD_KEYS'),
    });
  });

  it('listens on this machine only, unless told otherwise, and says where a port is taken', async () => {
    expect(serving.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const { port } = new URL(serving.url);
    const ended = await runCli(['serve', '--schema', scratch.schema, '--port', port], { env });
    expect(ended).toMatchObject({ code: 1, err: expect.stringContaining('EADDRINUSE') });
    const six = await startServing(['--schema', scratch.schema, '--host', '::1'], env);
    expect(six.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(await stop(six)).toBe(0);
  });

  it('gives back the claim of a client that has hung up before it was answered', async () => {
    const id = newId();
    const lock = await scratch.pool.connect();
    await lock.query('begin');
    await lock.query(`lock table "${scratch.schema}".receipts in access exclusive mode`);
    const hangUp = new AbortController();
    const headers = { authorization: `Bearer ${keyOfShop}` };
    const body = JSON.stringify(claimOf(id));
    const claiming = fetch(`${serving.url}/claim`, { method: 'POST', headers, body, signal: hangUp.signal });
    await delay(300);
    hangUp.abort();
    await expect(claiming).rejects.toThrow();
    await delay(100);
    await lock.query('commit');
    lock.release();
    await until(async () => (await shop.receipt(id)).body['state'] === 'released');
    expect((await shop.claim(claimOf(id))).body).toMatchObject({ answer: 'PROCEED' });
  });

  it('answers what has begun when it is told to end', async () => {
    const one = await startServing(['--schema', scratch.schema], env);
    const caller = client(() => one.url, keyOfShop);
    const id = newId();
    await caller.receipt('nothing');
    // The row is locked, so that the claim waits while the service is told to end.
    const lock = await scratch.pool.connect();
    await lock.query('begin');
    await lock.query(`lock table "${scratch.schema}".receipts in access exclusive mode`);
    const claiming = caller.claim(claimOf(id));
    await delay(300);
    const ending = stop(one);
    await delay(300);
    await expect(fetch(`${one.url}/openapi.json`)).rejects.toThrow();
    await lock.query('commit');
    lock.release();
    expect((await claiming).body).toMatchObject({ answer: 'PROCEED' });
    expect(await ending).toBe(0);
  });

  it('is killed between the effect and its settlement: unknown, and nobody acts again', async () => {
    const doomed = await startServing(['--schema', scratch.schema], env);
    const [mine, theirs] = [newId(), newId()];
    const charges: string[] = [];
    /** What a client does: it acts if it may. */
    const charge = async (caller: typeof shop, id: string): Promise<Answered> => {
      const claimed = await caller.claim(claimOf(id, { leaseFor: 500 }));
      if (claimed.body['answer'] === 'PROCEED') charges.push(id);
      return claimed;
    };
    const caller = client(() => doomed.url, keyOfShop);
    const settlement = { token: tokenIn(await charge(caller, mine)), outcome: 'committed', result: 1 };
    await charge(caller, theirs);
    doomed.child.kill('SIGKILL');
    await expect(caller.settle(mine, settlement)).rejects.toThrow('fetch failed');
    for (const id of [mine, theirs])
      await until(async () => (await charge(shop, id)).body['answer'] === 'UNKNOWN');

    expect(await shop.settle(mine, settlement)).toMatchObject({ status: 200 });
    await resolveCommitted({ schema: scratch.schema, namespace: 'shop' }, theirs, 2);
    expect((await charge(shop, mine)).body).toMatchObject({ answer: 'SKIP', result: 1 });
    expect((await charge(shop, theirs)).body).toMatchObject({ answer: 'SKIP', result: 2 });
    expect(charges).toEqual([mine, theirs]);
  });
});
