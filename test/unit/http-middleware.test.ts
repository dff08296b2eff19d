/** POSTs that happen once for each key, in real servers of three frameworks. */
import { createHash } from 'node:crypto';

import {
  requestId,
  Guard,
  memoryReceipts,
  NotCommittedError,
  RejectedError,
  type ReceiptStore,
} from '../../src';
import type { HttpGuardOptions } from '../../src/http';
import { RequestGuard } from '../../src/http/middleware/request-guard';
import { deferred } from '../support/waiting';
import { frameworks, post, problemIn, serveWith, type Handler, type Running } from '../support/http-servers';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

const away = (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED'));

describe.each(frameworks)('requests guarded in %s', (framework) => {
  const open: Running[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  let receipts: ReceiptStore;
  let charged: unknown[];
  beforeEach(() => {
    receipts = memoryReceipts();
    charged = [];
  });

  const charge: Handler = (body) => {
    charged.push(body);
    return {
      status: 201,
      headers: { 'content-type': 'application/json', location: '/charges/1', 'set-cookie': 'a=b' },
      body: `{"id":"ch_${charged.length}","ü":1}`,
    };
  };
  const start = async (
    handler: Handler = charge,
    options: Partial<HttpGuardOptions> = {},
  ): Promise<Running> => {
    const server = await serveWith(framework, { guard: new Guard({ receipts }), ...options }, handler);
    open.push(server);
    return server;
  };
  const stateOf = async (): Promise<string | undefined> => (await receipts.list())[0]?.state;

  it('handles a request once, and replays status, chosen headers and body', async () => {
    const server = await start();
    const first = await post(server, 'k1');
    const second = await post(server, 'k1');
    expect(first).toMatchObject({ status: 201, replayed: false, text: '{"id":"ch_1","ü":1}' });
    expect(first.headers.get('set-cookie')).toBe('a=b');
    expect(second).toMatchObject({ status: 201, replayed: true, text: first.text, type: first.type });
    expect(second.headers.get('location')).toBe('/charges/1');
    expect(second.headers.get('set-cookie')).toBeNull();
    expect(charged).toEqual([{ amount: 5 }]);
    expect((await post(server, 'k2')).text).toContain('ch_2');
  });

  // Unscoped, it would be everybody's: who guesses another's key would get the other's answer.
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['an empty text', ''],
    ['a promise', Promise.resolve('a')],
    ['a number', 7],
  ])('refuses a key whose scope is %s', async (_what, scope) => {
    const server = await start(charge, { scope: () => scope as string });
    const seen = await post(server, 'k');
    expect([seen.status, problemIn(seen)]).toEqual([400, 'invalid-request']);
    expect([charged, await receipts.list()]).toEqual([[], []]);
  });

  it('refuses a request whose fingerprint is nothing: all would be the same', async () => {
    const server = await start(charge, { fingerprint: () => undefined });
    const seen = await post(server, 'k');
    expect([seen.status, problemIn(seen)]).toEqual([400, 'invalid-request']);
    expect([charged, await receipts.list()]).toEqual([[], []]);
  });

  it.each<[unknown]>([[''], [null], [7]])('is not made for the scope %p', (scope) => {
    const options = { guard: new Guard({ receipts }), scope: scope as string };
    expect(() => new RequestGuard(options)).toThrow(/^scope is a text/);
  });

  it('has the handler know its request id, which is none of the rest of the service', async () => {
    const server = await start(() => ({ status: 200, body: requestId() }));
    expect((await post(server, 'invoice:42')).text).toBe('http:invoice:42');
    const scoped = await start(() => ({ status: 200, body: requestId() }), {
      scope: (request) => request.header('x-tenant') ?? 'nobody',
    });
    const ids = await Promise.all(
      ['a', 'b'].map((tenant) => post(scoped, 'k', {}, { headers: { 'x-tenant': tenant } })),
    );
    expect(ids.map(({ text }) => text)).toEqual(['http/1:a/1:k', 'http/1:b/1:k']);
  });

  it('refuses a request without a key, or lets it pass where none is required', async () => {
    const server = await start();
    expect(problemIn(await post(server, undefined))).toBe('missing-key');
    expect((await post(server, undefined)).status).toBe(400);
    expect(charged).toEqual([]);
    const lenient = await start(charge, { required: false });
    expect(await post(lenient, undefined)).toMatchObject({ status: 201, replayed: false });
    expect(await post(lenient, undefined)).toMatchObject({ status: 201, replayed: false });
    expect(charged).toHaveLength(2);
  });

  it('leaves methods alone that change nothing', async () => {
    const server = await start(() => ({ status: 200, body: 'seen' }));
    const seen = await fetch(`${server.url}/charges`);
    expect([seen.status, await seen.text()]).toEqual([200, 'seen']);
    expect(problemIn(await post(server, undefined, {}, { method: 'PUT' }))).toBe('missing-key');
  });

  it.each([['a b'], ['a,b'], ['"a'], ['"a"b"'], ['"a";p=1'], ['x'.repeat(256)], ['""']])(
    'refuses the key %s',
    async (key) => {
      const refused = await post(await start(), key);
      expect([refused.status, problemIn(refused)]).toEqual([400, 'invalid-request']);
      expect(charged).toEqual([]);
    },
  );

  it('takes a key in quotes, as the draft has it, for the same one', async () => {
    const server = await start();
    await post(server, '"k-1"');
    expect(await post(server, 'k-1')).toMatchObject({ replayed: true });
    await post(server, '"a \\"b\\""');
    expect(await post(server, '"a \\"b\\""')).toMatchObject({ replayed: true });
    expect(charged).toHaveLength(2);
  });

  it('refuses a key with another body, method or path', async () => {
    const server = await start();
    await post(server, 'k');
    for (const [body, init] of [
      [{ amount: 6 }, {}],
      [{ amount: 5 }, { path: '/charges?for=you' }],
      [{ amount: 5 }, { method: 'PUT' }],
    ] as const) {
      const refused = await post(server, 'k', body, init);
      expect([refused.status, problemIn(refused)]).toEqual([422, 'key-reused']);
    }
    expect(charged).toHaveLength(1);
  });

  it('compares by a fingerprint of its own, and finds the key where it is told', async () => {
    const server = await start(charge, {
      key: (request) => (request.json() as { id: string }).id,
      fingerprint: () => 'event',
    });
    await post(server, undefined, { id: 'evt_1', pending: 2 });
    expect(await post(server, undefined, { id: 'evt_1', pending: 1 })).toMatchObject({ replayed: true });
    expect(problemIn(await post(server, undefined, {}))).toBe('missing-key');
    // A number that was not told was once answered with 200, and an object with whatever status it had.
    for (const id of [5, true, ['a'], { status: 200, type: 'x' }]) {
      const refused = await post(server, undefined, { id });
      expect([refused.status, problemIn(refused)]).toEqual([400, 'invalid-request']);
    }
    expect(charged).toHaveLength(1);
    const github = await start(charge, { key: 'X-GitHub-Delivery' });
    const delivery = { headers: { 'x-github-delivery': 'd-1' } };
    await post(github, undefined, {}, delivery);
    expect(await post(github, undefined, {}, delivery)).toMatchObject({ replayed: true });
  });

  it('says that the same request is in flight, and has one effect of two racers', async () => {
    const { promise, resolve } = deferred();
    const began = deferred();
    const server = await start(async (body) => {
      began.resolve();
      await promise;
      return charge(body);
    });
    const first = post(server, 'k');
    await began.promise;
    const asked = performance.now();
    const second = await post(server, 'k');
    expect([second.status, problemIn(second)]).toEqual([409, 'in-flight']);
    expect(performance.now() - asked).toBeLessThan(5000); // nobody is kept waiting
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    resolve();
    expect(await first).toMatchObject({ status: 201, replayed: false });
    expect(await post(server, 'k')).toMatchObject({ status: 201, replayed: true });
    expect(charged).toHaveLength(1);
  });

  it('keeps a 4xx of the handler as its final answer', async () => {
    const server = await start((body) => {
      charged.push(body);
      return { status: 402, body: 'declined' };
    });
    expect(await post(server, 'k')).toMatchObject({ status: 402, replayed: false, text: 'declined' });
    expect(await post(server, 'k')).toMatchObject({ status: 402, replayed: true, text: 'declined' });
    expect(await stateOf()).toBe('rejected');
    expect(charged).toHaveLength(1);
  });

  it.each([500, 503, 408, 425])('knows nothing after a %i', async (status) => {
    const server = await start((body) => {
      charged.push(body);
      return { status, body: 'oh' };
    });
    expect(await post(server, 'k')).toMatchObject({ status, text: 'oh' });
    const second = await post(server, 'k');
    expect([second.status, problemIn(second)]).toEqual([409, 'outcome-unknown']);
    expect(await stateOf()).toBe('unknown');
    expect(charged).toHaveLength(1);
  });

  it('knows nothing after a throw, whatever status the error names', async () => {
    const server = await start((body) => {
      charged.push(body);
      throw Object.assign(new Error('gone'), { status: 404, statusCode: 404 });
    });
    const first = await post(server, 'k');
    expect(first.status).toBe(framework === 'hono' ? 500 : 404);
    expect(problemIn(await post(server, 'k'))).toBe('outcome-unknown');
    expect(await stateOf()).toBe('unknown');
    expect(charged).toHaveLength(1);
  });

  it('runs again what surely did not happen', async () => {
    const server = await start((body) => {
      charged.push(body);
      if (charged.length === 1) throw new NotCommittedError('no connection');
      return { status: 200, body: 'done' };
    });
    expect((await post(server, 'k')).status).toBe(500);
    expect(await stateOf()).toBe('released');
    expect(await post(server, 'k')).toMatchObject({ status: 200, replayed: false, text: 'done' });
    expect(charged).toHaveLength(2);
  });

  it('keeps a final no that was thrown, with what it was answered by', async () => {
    const server = await start(
      () => {
        throw new TypeError('declined');
      },
      { classify: (error) => (error instanceof TypeError ? 'rejected' : undefined) },
    );
    const first = await post(server, 'k');
    expect(first).toMatchObject({ status: 500, replayed: false });
    expect(await post(server, 'k')).toMatchObject({ status: 500, replayed: true, text: first.text });
    const throwing = await start(() => {
      throw new RejectedError('declined');
    });
    await post(throwing, 'r');
    expect(await post(throwing, 'r')).toMatchObject({ status: 500, replayed: true });
  });

  it('does nothing while the receipts are away', async () => {
    Object.assign(receipts, { claim: away });
    const refused = await post(await start(charge, { leaseFor: 500 }), 'k');
    expect([refused.status, problemIn(refused)]).toEqual([503, 'store-away']);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.text).not.toContain('ECONNREFUSED');
    expect(charged).toEqual([]);
  });

  it('answers what happened even where that cannot be written down', async () => {
    Object.assign(receipts, {
      settle: () => Promise.reject(Object.assign(new Error('no privilege'), { transient: false })),
    });
    const server = await start(charge, { leaseFor: 500 });
    expect(await post(server, 'k')).toMatchObject({ status: 201, replayed: false });
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(problemIn(await post(server, 'k'))).toBe('outcome-unknown');
    expect(charged).toHaveLength(1);
  });

  it('tells nobody a no over an attempt that nobody knows the end of', async () => {
    const server = await start(
      (body) => {
        charged.push(body);
        return charged.length === 1
          ? { status: 500 }
          : { status: 402, headers: { 'x-declined': 'yes' }, body: 'declined' };
      },
      { onUnknown: 'retry' },
    );
    await post(server, 'k');
    const second = await post(server, 'k');
    expect(problemIn(second)).toBe('outcome-unknown');
    expect(second.headers.get('x-declined')).toBeNull();
    expect(charged).toHaveLength(2);
  });

  it('asks a probe, which gives an answer of its own', async () => {
    const server = await start(() => ({ status: 500 }), {
      onUnknown: ({ payload: [request] }) => ({
        verdict: 'committed',
        result: { status: 200, body: `found ${String((request.json() as { amount: number }).amount)}` },
      }),
    });
    await post(server, 'k');
    expect(await post(server, 'k')).toMatchObject({ status: 200, replayed: true, text: 'found 5' });
  });

  it('refuses bodies that are too large or unread, before anything happens', async () => {
    const server = await start(charge, { maxBodyBytes: framework === 'hono' ? 100 : 1024 * 1024 });
    const body = JSON.stringify({ text: 'x'.repeat(framework === 'hono' ? 200 : 3 * 1024 * 1024) });
    const large = await post(server, 'k', body);
    expect(large.status).toBe(413);
    if (framework === 'hono') {
      expect(problemIn(large)).toBe('body-too-large');
      const chunks = new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.alloc(60, 'x')),
      });
      const streamed = await post(server, 'k', '', { body: chunks, duplex: 'half' }).catch(
        () => ({ status: 413 }), // the server hangs up on who goes on sending
      );
      expect(streamed.status).toBe(413);
    }
    if (framework === 'express') {
      const unread = await post(server, 'k', 'a=1', { headers: { 'content-type': 'text/plain' } });
      expect([unread.status, problemIn(unread)]).toEqual([415, 'unreadable-body']);
    }
    expect(charged).toEqual([]);
    expect(await receipts.list()).toEqual([]);
  });

  it('handles what has no body, and replays bytes and empty answers', async () => {
    const server = await start((body) => {
      charged.push(body);
      return charged.length === 1
        ? { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from([0x89, 0x50, 0xff]) }
        : { status: 204 };
    });
    const bytesOf = async (): Promise<number[]> => {
      const init = { method: 'POST', headers: { 'idempotency-key': 'bytes' } };
      return [...Buffer.from(await (await fetch(`${server.url}/charges`, init)).arrayBuffer())];
    };
    expect(await bytesOf()).toEqual([0x89, 0x50, 0xff]);
    expect(await bytesOf()).toEqual([0x89, 0x50, 0xff]);
    expect(await post(server, 'empty')).toMatchObject({ status: 204, replayed: false, text: '' });
    expect(await post(server, 'empty')).toMatchObject({ status: 204, replayed: true, text: '' });
    expect(charged).toHaveLength(2);
  });

  it('keeps of an answer that is too large only that it happened', async () => {
    const body = 'x'.repeat(2000);
    const server = await start(
      () => {
        charged.push(1);
        return { status: 200, body };
      },
      { maxResponseBytes: 1000 },
    );
    expect((await post(server, 'k')).text).toBe(body);
    const second = await post(server, 'k');
    expect([second.status, problemIn(second)]).toEqual([409, 'answer-not-kept']);
    expect(charged).toHaveLength(1);
  });

  it('replays what was settled otherwise: a result that is no answer, an undone one, a pruned one', async () => {
    const server = await start();
    const guard = new Guard({ receipts });
    const fingerprint = [
      'POST',
      '/charges',
      framework === 'hono'
        ? createHash('sha256').update('{"amount":5}').digest('hex')
        : { parsed: { amount: 5 } },
    ];
    const action = 'http_request';
    await guard.execute({ requestId: 'http:own', action, fingerprint, run: () => ({ id: 'ch_9' }) });
    expect(await post(server, 'own')).toMatchObject({ status: 200, replayed: true, text: '{"id":"ch_9"}' });
    const [own] = await receipts.list();
    await guard
      .execute({
        requestId: 'http:no',
        action,
        fingerprint,
        run: () => Promise.reject(new RejectedError('no')),
      })
      .catch(() => undefined);
    const refused = await post(server, 'no');
    expect([refused.status, problemIn(refused)]).toEqual([409, 'refused']);
    expect(own?.state).toBe('committed');
    await receipts.prune({ retainMs: 0 });
    const pruned = await post(server, 'own');
    expect([pruned.status, problemIn(pruned)]).toEqual([410, 'receipt-pruned']);
    expect(charged).toEqual([]);
  });
});
