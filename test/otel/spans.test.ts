/** The spans of guarded calls: what each says, and where it hangs. */
import { context, trace } from '@opentelemetry/api';

import { Guard, memoryReceipts, NotCommittedError, RejectedError, type ReceiptStore } from '../../src';
import { Observed } from '../support/observed';
import { deferred } from '../support/waiting';

let observed: Observed;
beforeAll(async () => (observed = await Observed.start()));
afterAll(() => observed.stop());
beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => {
  jest.restoreAllMocks();
  observed.take();
});

const secret = 'sk_live_4242';
const charge = { action: 'charge', requestId: 'order:1', payload: { card: secret }, waitFor: 0 } as const;
const broken = (): never => {
  throw Object.assign(new Error(secret), { code: 'E_PARSE' });
};

const setUp = (receipts: ReceiptStore = memoryReceipts()): Guard =>
  new Guard({ receipts, telemetry: observed.telemetry });

const about = {
  'activity_guard.request_id': 'order:1',
  'activity_guard.action': 'charge',
  'activity_guard.attempt': 1,
};
const span = (
  step: string,
  answer: string,
  more: Record<string, unknown> = {},
  isError = 'error.type' in more,
) => ({
  name: `activity_guard.${step}`,
  attributes: { ...about, 'activity_guard.answer': answer, ...more },
  isError,
});
const claim = (answer: string, more: Record<string, unknown> = {}) =>
  span('claim', answer, {
    ...{ 'activity_guard.replayed': answer === 'replayed', 'activity_guard.waited': false },
    ...more,
  });
const first = { 'activity_guard.epoch': 1 };
const seen = () => observed.take().map(({ name, attributes, isError }) => ({ name, attributes, isError }));
const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('the spans of a call', () => {
  it('that runs its effect are those of the claim, the effect and the settlement', async () => {
    await setUp().execute({ ...charge, run: () => secret });
    const spans = observed.take();
    expect(spans).toMatchObject([
      claim('claimed', first),
      span('effect', 'returned', first),
      span('settle', 'committed', first),
    ]);
    expect(spans.map(({ events }) => events)).toEqual([
      ['activity_guard.claimed'],
      [],
      ['activity_guard.settled'],
    ]);
  });

  it('that gets a receipt is that of the claim', async () => {
    const guard = setUp();
    await guard.execute({ ...charge, run: () => secret });
    observed.take();
    await guard.execute({ ...charge, run: broken });
    expect(seen()).toEqual([claim('replayed', first)]);
  });

  it.each([
    ['a rejection', () => Promise.reject(new RejectedError(secret)), 'rejected', 'Rejected', undefined],
    [
      'nothing happened',
      () => Promise.reject(new NotCommittedError(secret)),
      'released',
      'NotCommitted',
      'NotCommitted',
    ],
    [
      'an error without a code',
      () => Promise.reject(new TypeError(secret)),
      'unknown',
      'TypeError',
      'OutcomeUnknown',
    ],
    ['anything else', broken, 'unknown', 'E_PARSE', 'OutcomeUnknown'],
  ])('whose effect throws %s tell the code of the error alone', async (_what, run, answer, thrown, after) => {
    await swallow(setUp().execute({ ...charge, run }));
    const spans = observed.take();
    expect(spans).toMatchObject([
      claim('claimed', first),
      span('effect', 'threw', { ...first, 'error.type': thrown }),
      span('settle', answer, { ...first, ...(after ? { 'error.type': after } : {}) }),
    ]);
    expect(JSON.stringify(spans)).not.toContain(secret);
  });

  it('on an unknown outcome, a reused id and one that is in flight are errors with their answer', async () => {
    const guard = setUp();
    await swallow(guard.execute({ ...charge, run: broken }));
    observed.take();
    await swallow(guard.execute({ ...charge, run: broken }));
    await swallow(guard.execute({ ...charge, payload: 'another', run: broken }));
    expect(seen()).toEqual([
      claim('unknown', { ...first, 'error.type': 'OutcomeUnknown' }),
      claim('reused', { ...first, 'error.type': 'RequestIdReused' }),
    ]);
    const { promise, resolve } = deferred();
    const requestId = 'order:1';
    const other = setUp();
    const holder = other.execute({ ...charge, run: () => promise });
    await swallow(other.execute({ ...charge, requestId, run: broken }));
    expect(seen()).toEqual([
      claim('claimed', first),
      claim('in-flight', { ...first, 'error.type': 'InFlight' }),
    ]);
    resolve();
    await holder;
  });

  it('that waits for another say so', async () => {
    const guard = setUp();
    const { promise, resolve } = deferred();
    const holder = guard.execute({ ...charge, run: () => promise });
    const waiting = guard.execute({ ...charge, waitFor: '10s', run: broken });
    await swallow(guard.execute({ ...charge, run: broken })); // looks after the one that waits
    resolve();
    await Promise.all([holder, waiting]);
    expect(seen()).toContainEqual(claim('replayed', { ...first, 'activity_guard.waited': true }));
  });

  it('without receipts is that of a claim that got no answer', async () => {
    const away = Object.assign(memoryReceipts(), {
      claim: () => Promise.reject(Object.assign(new Error(secret), { code: '57P03', transient: false })),
    });
    await swallow(setUp(away).execute({ ...charge, leaseFor: 100, run: broken })); // what is in doubt is given back for as long
    const [only, ...more] = observed.take();
    expect(only).toMatchObject(claim('unavailable', { 'error.type': 'ReceiptStoreUnavailable' }));
    expect([only?.events, more]).toEqual([['activity_guard.store-error'], []]);
  });

  it('whose settlement is lost say that it is unwritten', async () => {
    const lost = Object.assign(memoryReceipts(), {
      settle: () => Promise.reject(Object.assign(new Error('away'), { transient: false })),
    });
    await setUp(lost).execute({ ...charge, run: () => 'done' });
    const last = observed.take().at(-1);
    expect(last).toMatchObject(span('settle', 'unwritten', first));
    expect(last?.events).toEqual(['activity_guard.store-error', 'activity_guard.unwritten']);
  });
});

describe('the trace of a call', () => {
  const tracer = () => observed.tracerProvider.getTracer('test');
  const parents = (): Record<string, string | undefined> => {
    const names = new Map(observed.ended.map((ended) => [ended.spanContext().spanId, ended.name]));
    return Object.fromEntries(
      observed.ended.map(({ name, parentSpanContext: parent }) => [name, parent && names.get(parent.spanId)]),
    );
  };

  it('is the one that is active; what the effect does belongs to the effect', async () => {
    await tracer().startActiveSpan('request', async (around) => {
      await setUp().execute({ ...charge, run: async () => tracer().startSpan('http').end() });
      around.end();
    });
    expect(parents()).toEqual({
      ...{ request: undefined, http: 'activity_guard.effect' },
      ...{
        'activity_guard.claim': 'request',
        'activity_guard.effect': 'request',
        'activity_guard.settle': 'request',
      },
    });
  });

  it('is held together by its claim where none is active', async () => {
    await setUp().execute({ ...charge, run: () => 'done' });
    expect(trace.getSpan(context.active())).toBeUndefined();
    expect(parents()).toEqual({
      'activity_guard.claim': undefined,
      ...{ 'activity_guard.effect': 'activity_guard.claim', 'activity_guard.settle': 'activity_guard.claim' },
    });
  });

  it('is that of each of many calls side by side', async () => {
    const guard = setUp();
    const ids = Array.from({ length: 20 }, (_, n) => `order:${n}`);
    const run = async (): Promise<unknown> => tracer().startSpan('http').end();
    await Promise.all(ids.map((requestId) => guard.execute({ ...charge, requestId, run })));
    const ofCalls = observed.ended.map((ended) => [ended.name, ended.spanContext().traceId].join(' '));
    const traces = new Set(observed.ended.map((ended) => ended.spanContext().traceId));
    expect([traces.size, new Set(ofCalls).size, ofCalls.length]).toEqual([20, 80, 80]);
  });
});
