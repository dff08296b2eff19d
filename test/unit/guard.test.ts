/** Effects that are guarded without Temporal. */
import { inspect } from 'node:util';

import {
  compensate,
  currentClaim,
  Guard,
  memoryReceipts,
  NotCommittedError,
  recordEvidence,
  RejectedError,
  committed,
  type ExecuteRequest,
  type GuardOptions,
  type ReceiptStore,
} from '../../src';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

/** A provider of e-mails, and guards over one store of receipts: two processes, as far as they know. */
function setUp(options: Partial<GuardOptions> = {}) {
  const receipts = memoryReceipts();
  const sent: string[] = [];
  const send = async (mail: { to: string }): Promise<{ id: number }> => {
    sent.push(mail.to);
    return { id: sent.length };
  };
  const guard = new Guard({ receipts, ...options });
  const other = new Guard({ receipts, ...options });
  const request = <R = { id: number }>(more: Partial<ExecuteRequest<{ to: string }, R>> = {}) =>
    ({
      ...{ requestId: 'email:C123:invoice', action: 'send_email', payload: { to: 'c@example.com' } },
      ...{ run: send, waitFor: 0 },
      ...more,
    }) as ExecuteRequest<{ to: string }, R>;
  return { receipts, sent, send, guard, other, request };
}

const fail = (message: string): never => {
  throw new Error(message);
};

const settled = async (ending: Promise<unknown>): Promise<unknown> =>
  ending.then(
    (value) => value,
    (error: unknown) => error,
  );

describe('execute', () => {
  it('runs an effect once, and gives every later caller its receipt', async () => {
    const { guard, other, request, sent } = setUp();
    const first = await guard.execute(request());
    expect(first).toEqual({
      ...{ ok: true, reason: 'executed', action: 'send_email', requestId: 'email:C123:invoice' },
      ...{
        replayed: false,
        result: { id: 1 },
        executionId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      },
    });
    const again = await other.execute(request());
    expect(again).toEqual({ ...first, reason: 'dedup_same_request_id', replayed: true });
    expect(sent).toEqual(['c@example.com']);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list with holes of undefined', [1, undefined, 3]],
    ['dates and maps', { at: new Date(5), by: new Map([['a', new Set([1n])]]) }],
    ['no number', [Number.NaN, -0, Number.POSITIVE_INFINITY]],
    ['bytes', new Uint8Array([1, 2, 255])],
    ['an object that writes itself otherwise', { toJSON: 'a field' }],
    ['text of any kind', '\u0000 ☃ "\\'],
  ])('gives the same result on a replay as at first: %s', async (_what, value) => {
    const { guard, other, request } = setUp();
    const [first, again] = [
      await guard.execute(request<unknown>({ run: () => value })),
      await other.execute(request<unknown>({ run: () => 'another one' })),
    ];
    expect(first).toMatchObject({ ok: true, result: value });
    expect((again as { result: unknown }).result).toStrictEqual(value);
  });

  it('keeps that it happened where the result has no stored form, and runs nothing again', async () => {
    const { guard, other, request } = setUp();
    let runs = 0;
    const run = () => (runs++, () => 'a function');
    for (const one of [guard, other])
      expect(await settled(one.execute(request<unknown>({ run })))).toMatchObject({
        ...{ code: 'ResultUnavailable', retryable: false },
      });
    expect(runs).toBe(1);
  });

  it('tells a rejection as a receipt, to everybody, with what was said', async () => {
    const { guard, other, request } = setUp();
    const run = () => {
      throw new RejectedError('the address does not exist', {
        type: 'NoSuchAddress',
        details: [{ code: 550 }],
      });
    };
    const first = await guard.execute(request({ run }));
    const again = await other.execute(request());
    expect(first).toMatchObject({ ok: false, reason: 'execute_failed:RejectedError', replayed: false });
    expect(again).toMatchObject({
      ...{
        ok: false,
        reason: 'execute_failed:RejectedError',
        replayed: true,
        executionId: first.executionId,
      },
      error: { message: 'the address does not exist', type: 'NoSuchAddress', details: [{ code: 550 }] },
    });
    expect((again as { error: unknown }).error).toBeInstanceOf(RejectedError);
  });

  it('tells an error that is classified as a rejection by its name and code', async () => {
    const { guard, other, request } = setUp();
    class CardDeclined extends Error {
      override name = 'CardDeclined';
      readonly code = 'card_declined';
    }
    const run = () => {
      throw new CardDeclined('no money');
    };
    const classify = () => 'rejected' as const;
    await guard.execute(request({ run, classify }));
    expect(await other.execute(request())).toMatchObject({
      ...{ ok: false, reason: 'execute_failed:CardDeclined' },
      error: { name: 'CardDeclined', message: 'no money', code: 'card_declined' },
    });
  });

  it('throws where nobody knows, and then runs nothing', async () => {
    const { guard, other, request, sent } = setUp();
    const cut = new Error('socket hang up');
    const run = async (mail: { to: string }) => {
      sent.push(mail.to);
      throw cut;
    };
    expect(await settled(guard.execute(request({ run })))).toMatchObject({
      ...{ code: 'OutcomeUnknown', cause: cut, requestId: 'email:C123:invoice' },
    });
    expect(await settled(other.execute(request()))).toMatchObject({ code: 'OutcomeUnknown' });
    expect(sent).toEqual(['c@example.com']);
  });

  it('asks a probe with the payload', async () => {
    const { guard, other, request } = setUp();
    const asked: unknown[] = [];
    const onUnknown = ({ payload, requestId }: { payload: { to: string }; requestId: string }) => {
      asked.push(payload, requestId);
      return committed({ id: 7 });
    };
    const run = () => Promise.reject(new Error('cut'));
    await settled(guard.execute(request({ run, onUnknown })));
    expect(await other.execute(request({ onUnknown }))).toMatchObject({
      ok: true,
      result: { id: 7 },
      replayed: true,
    });
    expect(asked).toEqual([{ to: 'c@example.com' }, 'email:C123:invoice']);
  });

  it('runs again what surely did not happen', async () => {
    const { guard, other, request, sent } = setUp();
    const run = () => Promise.reject(new NotCommittedError('not sent'));
    expect(await settled(guard.execute(request({ run })))).toMatchObject({ code: 'NotCommitted' });
    expect(await other.execute(request())).toMatchObject({ ok: true, reason: 'executed' });
    expect(sent).toHaveLength(1);
  });

  it('runs the next generation over a rejection, under an id of its own', async () => {
    const { guard, request } = setUp();
    const run = () => Promise.reject(new RejectedError('no'));
    const first = await guard.execute(request({ run }));
    const second = await guard.execute(request({ generation: 2 }));
    expect(second).toMatchObject({ ok: true, requestId: 'email:C123:invoice~g2' });
    expect(second.executionId).not.toBe(first.executionId);
  });

  // It is what was handed to the provider, so that is what its webhook names.
  it('takes evidence on a later generation', async () => {
    const { guard, request, receipts } = setUp();
    await guard.execute(request({ run: () => Promise.reject(new RejectedError('no')) }));
    const again = request({ generation: 2, run: () => fail('the answer was lost') });
    expect(await settled(guard.execute(again))).toMatchObject({ code: 'OutcomeUnknown' });
    const told = { requestId: 'email:C123:invoice~g2', source: 'webhook', verdict: 'committed' } as const;
    expect(await recordEvidence(receipts, { ...told, result: { id: 7 } })).toMatchObject({
      state: 'committed',
    });
    expect(await guard.execute(request({ generation: 2 }))).toMatchObject({
      result: { id: 7 },
      replayed: true,
    });
  });

  it('hands in the claim', async () => {
    const { guard, request } = setUp();
    const { result } = (await guard.execute(
      request<unknown>({
        run: (_mail, claim) => {
          claim.fence();
          return [claim.requestId, claim.epoch, claim.signal.aborted];
        },
      }),
    )) as { result: unknown };
    expect(result).toEqual(['email:C123:invoice', 1, false]);
  });

  it('keeps in the receipt where the call came from, and no payload', async () => {
    const { guard, request, receipts } = setUp({ origin: { service: 'mailer' } });
    await guard.execute(request({ payload: { to: 'secret@example.com' } }));
    const [receipt] = await receipts.list();
    expect(receipt).toMatchObject({ origin: { service: 'mailer' }, action: 'send_email' });
    expect(JSON.stringify(receipt)).not.toContain('secret@');
  });

  it.each([
    ['another payload', { payload: { to: 'd@example.com' } }],
    ['another action', { action: 'send_letter' }],
  ])('refuses an id that belongs to %s', async (_what, more) => {
    const { guard, request, sent } = setUp();
    await guard.execute(request());
    expect(await settled(guard.execute(request(more)))).toMatchObject({ code: 'RequestIdReused' });
    expect(sent).toHaveLength(1);
  });

  it('keeps of the payload what redact gives, and nothing else', async () => {
    const { guard, receipts, request } = setUp({ origin: { service: 'mailer' } });
    const redact = ({ to }: { to: string }) => ({
      domain: to.split('@')[1],
      urgent: true,
      tries: 2,
      cc: undefined,
    });
    await guard.execute(request({ redact }));
    const [receipt] = await receipts.list();
    expect(receipt?.origin).toEqual({
      ...{ service: 'mailer', 'payload.domain': 'example.com' },
      ...{ 'payload.urgent': 'true', 'payload.tries': '2' },
    });
    expect((await guard.execute(request({ redact: () => ({ domain: 'other' }) }))).replayed).toBe(true);
  });

  it.each([
    ['throws', () => fail('4111')],
    ['is no function', 'to'],
    ['gives no object', () => '4111'],
    ['gives a list', () => ['4111']],
    ['gives an object in a field', () => ({ card: { number: '4111' } })],
    ['gives a long field', () => ({ card: '4111'.repeat(51) })],
    ['gives a NUL', () => ({ card: '4111\0' })],
    ['gives half a character', () => ({ card: '4111\ud800' })],
    ['gives a field with a strange name', () => ({ 'card 4111': 'a' })],
    ['gives too many', () => Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`f${i}`, '4111']))],
  ])('runs nothing where redact %s, and quotes nothing', async (_what, redact) => {
    const { guard, receipts, request, sent } = setUp();
    const error = (await settled(guard.execute(request({ redact: redact as never })))) as Error;
    expect(error).toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringMatching(/^redact of send_email /),
    });
    expect(inspect(error)).not.toContain('4111');
    expect([sent, await receipts.list()]).toEqual([[], []]);
  });

  it('takes a fingerprint for what must be the same', async () => {
    const { guard, request } = setUp();
    await guard.execute(request({ fingerprint: 'invoice 5' }));
    const worded = request({ payload: { to: 'C <c@example.com>' }, fingerprint: 'invoice 5' });
    expect(await guard.execute(worded)).toMatchObject({ replayed: true });
  });

  it.each([
    ['no request id', { requestId: undefined }, 'undefined, not a string'],
    ['an empty request id', { requestId: '' }, 'empty'],
    ['no action', { action: undefined }, 'action names what is done'],
    ['a long action', { action: 'a'.repeat(201) }, 'action names what is done'],
    ['no function', { run: 'send' }, 'run is not a function'],
    ['a payload that cannot be told apart', { payload: { n: Number.NaN } }, 'NaN'],
    ['a fingerprint that is a promise', { fingerprint: Promise.resolve() }, 'a promise'],
    ['half a generation', { generation: 1.5 }, 'generation'],
    ['a decision to wait for', { onUnknown: 'ask' }, 'ask'],
    ['a lease of no length', { leaseFor: 'soon' }, 'leaseFor'],
    ['a timeout of no length', { timeout: -1 }, 'timeout'],
  ])('refuses %s before anything happens', async (_what, more, said) => {
    const { guard, request, sent, receipts } = setUp();
    const error = await settled(guard.execute(request(more as never)));
    expect(error).toMatchObject({ code: 'InvalidRequest', message: expect.stringContaining(said) as string });
    expect([sent, await receipts.list()]).toEqual([[], []]);
  });

  it('needs receipts, and fails closed when they are away', async () => {
    expect(() => new Guard({} as never)).toThrow('needs receipts');
    expect(() => new Guard({ receipts: memoryReceipts(), waitFor: 'x' })).toThrow('waitFor');
    const { request, sent } = setUp();
    const away = { namespace: 'default', claim: () => Promise.reject(new Error('connection refused')) };
    const guard = new Guard({ receipts: away as unknown as ReceiptStore });
    const error = await settled(guard.execute(request({ timeout: 100, leaseFor: 500 })));
    expect([error, sent]).toEqual([expect.objectContaining({ code: 'ReceiptStoreUnavailable' }), []]);
  });

  it('can be drained before its receipts are closed', async () => {
    const { guard, request } = setUp();
    let end: (value: { id: number }) => void = () => undefined;
    const running = guard.execute(request({ run: () => new Promise((resolve) => (end = resolve)) }));
    await new Promise((resolve) => setImmediate(resolve));
    expect(await guard.drain(10)).toBe(false);
    end({ id: 1 });
    await running;
    expect(await guard.drain(10)).toBe(true);
  });
});

describe('wrap', () => {
  const options = { action: 'send_email', requestId: (mail: { to: string }) => `email:${mail.to}` };

  it('gives the own result of a function, also on a replay, and keeps its name', async () => {
    const { guard, send, sent } = setUp();
    const safeSend = guard.wrap(options, send);
    expect([await safeSend({ to: 'a' }), await safeSend({ to: 'a' }), await safeSend({ to: 'b' })]).toEqual([
      { id: 1 },
      { id: 1 },
      { id: 2 },
    ]);
    expect([sent, safeSend.name, safeSend.length]).toEqual([['a', 'b'], 'send', 1]);
  });

  it('throws the own error of a function, and its like on a replay', async () => {
    const { guard } = setUp();
    const declined = new RejectedError('no money');
    const pay = guard.wrap({ action: 'pay', requestId: (id: string) => id }, (_id: string): number => {
      throw declined;
    });
    expect(await settled(pay('1'))).toBe(declined);
    expect(await settled(pay('1'))).toEqual(declined);
  });

  it('lets the function ask for its claim', async () => {
    const { guard } = setUp();
    const id = guard.wrap({ action: 'ask', requestId: (n: number) => `n:${n}` }, async (_n: number) => {
      await Promise.resolve();
      return currentClaim().requestId;
    });
    expect(await id(5)).toBe('n:5');
    expect(() => currentClaim()).toThrow('outside');
  });

  it('decorates methods', async () => {
    const { guard } = setUp();
    class Shop {
      readonly charged: string[] = [];
      constructor(private readonly name: string) {}
      @guard.wrap({ requestId: (order: string) => `order:${order}` })
      async charge(order: string): Promise<string> {
        this.charged.push(order);
        return `${this.name} charged ${order}`;
      }
    }
    const shop = new Shop('A');
    expect([await shop.charge('1'), await shop.charge('1')]).toEqual(['A charged 1', 'A charged 1']);
    expect(shop.charged).toEqual(['1']);
  });

  it('refuses what it cannot wrap', () => {
    const { guard } = setUp();
    const decorate = guard.wrap(options) as unknown as (...args: unknown[]) => unknown;
    expect(() => decorate({}, 'charge', {})).toThrow('experimentalDecorators');
    expect(() => guard.wrap({} as never, () => 1)).toThrow('requestId');
    expect(() =>
      guard.wrap(
        { requestId: () => 'x' },
        (
          () => () =>
            1
        )(),
      ),
    ).toThrow('without a name');
    expect(() => guard.wrap(options as never, 'send' as never)).toThrow('not a function');
  });
});

describe('compensate', () => {
  it('undoes what happened, once, and says so in its receipt', async () => {
    const { guard, other, request, receipts } = setUp();
    const charged = await guard.execute(request());
    let refunds = 0;
    const refund = { action: 'refund', payload: 5, run: () => ++refunds };
    expect(await compensate(guard, charged, refund)).toMatchObject({ ok: true, result: 1, replayed: false });
    expect(await compensate(other, charged.requestId, refund)).toMatchObject({ result: 1, replayed: true });
    const undo = (await receipts.list()).find(({ action }) => action === 'refund');
    expect(undo?.origin['undoes']).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['what is not known', undefined, 'InvalidRequest', 'not known'],
    ['what was rejected', new RejectedError('no'), 'InvalidRequest', 'is rejected'],
    ['what may still happen', new Error('cut'), 'OutcomeUnknown', 'unknown whether'],
  ])('refuses to undo %s', async (_what, thrown, code, said) => {
    const { guard, request } = setUp();
    if (thrown) await settled(guard.execute(request({ run: () => Promise.reject(thrown) })));
    let refunds = 0;
    const undone = compensate(guard, 'email:C123:invoice', { action: 'refund', run: () => ++refunds });
    const error = await settled(undone);
    expect(error).toMatchObject({ code, message: expect.stringContaining(said) as string });
    expect([refunds, await settled(compensate(guard, '', { action: 'x', run: () => 1 }))]).toEqual([
      0,
      expect.objectContaining({ code: 'InvalidRequest' }),
    ]);
  });
});
