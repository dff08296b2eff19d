/** What `npm run fuzz` found, each as a case of its own. */
import { runInNewContext } from 'node:vm';

import { MockActivityEnvironment } from '@temporalio/testing';

import {
  ActivityGuardError,
  compensate,
  Guard,
  InvalidRequestError,
  memoryReceipts,
  NotCommittedError,
  recordEvidence,
  RejectedError,
} from '../../src';
import { toMs, type ReceiptStore } from '../../src/core';
import { ApiKeys } from '../../src/http/api-keys';
import { createService } from '../../src/http/service';
import { hashRequestId, receiptKey } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { effect, guarded } from '../../src/temporal/activity';
import { activityGuardInterceptors } from '../../src/temporal/worker';
import { preflight } from '../../src/temporal/worker/preflight';

beforeEach(() => jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => jest.restoreAllMocks());

const throwing = (error: unknown) => () => {
  throw error;
};
const secret = 'S3CR3T';
const trapped = (target: object): object =>
  new Proxy(target, {
    has: throwing(new Error(secret)),
    get: throwing(new Error(secret)),
    getPrototypeOf: throwing(new Error(secret)),
  });
const unreadable = (name: string): Error =>
  Object.defineProperty(new Error('x'), name, { get: throwing(new Error(secret)) });

describe('bad input', () => {
  let receipts: ReceiptStore;
  let guard: Guard;
  let ran: number;
  beforeEach(() => {
    receipts = memoryReceipts();
    guard = new Guard({ receipts });
    ran = 0;
  });

  const execute = (more: object): Promise<unknown> =>
    guard.execute({ requestId: 'a', action: 'send', run: () => ++ran, ...more });
  const refusal = async (more: object): Promise<string> => {
    const error: unknown = await execute(more).catch((thrown: unknown) => thrown);
    if (!(error instanceof ActivityGuardError)) throw new Error('no error of the guard', { cause: error });
    return `${error.code}: ${error.message}`;
  };
  const state = async (): Promise<string | undefined> =>
    (await receipts.get(receiptKey('default', hashRequestId('a'))))?.receipt.state;

  describe('thrown by an effect', () => {
    it.each([
      ['a proxy whose traps throw', trapped(new Error('x'))],
      ['a code that cannot be read', unreadable('code')],
      ['a name that cannot be read', unreadable('name')],
    ])('%s leaves it unknown at once', async (_what, thrown) => {
      expect(await refusal({ run: throwing(thrown) })).toMatch(/^OutcomeUnknown/);
      expect(await state()).toBe('unknown');
    });

    it('a message that cannot be read says that nothing happened all the same', async () => {
      const classify = () => 'not-committed' as const;
      expect(await refusal({ run: throwing(unreadable('message')), classify })).toMatch(/^NotCommitted/);
      expect(await state()).toBe('released');
      expect(await refusal({ run: throwing(unreadable('message')), classify })).not.toContain(secret);
    });

    it.each([
      ['a text', 'declined'],
      ['no prototype', Object.create(null)],
      ['a toString that throws', { toString: throwing(new Error(secret)) }],
      ['a message that is no text', Object.assign(new Error('x'), { message: 10n })],
      ['a name that is no text', Object.assign(new Error('x'), { name: Symbol('x') })],
      ['details that cannot be read', new RejectedError('x', { details: [trapped({})] })],
      ['an error of another realm', runInNewContext('new Error("x")')],
    ])('as a rejection, %s is kept, with one reason for all', async (_what, thrown) => {
      const run = (): never => {
        ran++;
        throw thrown;
      };
      const call = { run, classify: () => 'rejected' as const };
      const first = (await execute(call)) as { ok: boolean; reason: string };
      expect(first.ok).toBe(false);
      expect(await execute(call)).toMatchObject({ ok: false, reason: first.reason, replayed: true });
      expect(ran).toBe(1);
    });

    it('its own errors are known by the class, also with fields that cannot be read', async () => {
      const denial = Object.defineProperty(new NotCommittedError('x'), 'message', { get: throwing(null) });
      await expect(execute({ run: throwing(denial) })).rejects.toBe(denial);
      expect(await state()).toBe('released');
    });
  });

  describe('as a payload', () => {
    let shared: unknown = ['leaf'.repeat(10_000)];
    for (let i = 0; i < 40; i++) shared = [shared, shared];
    const getter = (error: unknown): object =>
      Object.defineProperty({}, 'a', { enumerable: true, get: throwing(error) });

    it.each<[string, unknown, RegExp]>([
      ['parts that share their parts', shared, /too large/],
      ['a list of billions of holes', new Array(2 ** 32 - 1), /too large/],
      ['many bytes', new Uint8Array(2 ** 25), /too large/],
      ['a getter that throws null', getter(null), /cannot be read/],
      ['a getter that tells what it holds', getter(new TypeError(secret)), /cannot be read/],
      ['something with a toJSON that throws', { toJSON: throwing(undefined) }, /cannot be read/],
    ])('%s is refused at once, and not quoted', async (_what, payload, why) => {
      const said = await refusal({ payload });
      expect(said).toMatch(/^InvalidRequest: The arguments of send/);
      expect(said).toMatch(why);
      expect(said).not.toContain(secret);
      expect([ran, await state()]).toEqual([0, undefined]);
    });

    it('what only calls itself bytes is told apart by its content', async () => {
      const named = (amount: number) => ({ [Symbol.toStringTag]: 'ArrayBuffer', amount });
      await execute({ payload: named(1) });
      expect(await refusal({ payload: named(2) })).toMatch(/^RequestIdReused/);
    });

    it('a fingerprint that cannot be looked at is refused', async () => {
      const fingerprint = Object.defineProperty({}, 'then', { get: throwing(new Error(secret)) });
      expect(await refusal({ fingerprint })).toMatch(/^InvalidRequest: send: the fingerprint/);
    });
  });

  describe('as a result', () => {
    it.each<[string, () => unknown]>([
      ['holes', () => [, 1, , undefined]],
      ['names in a list', () => Object.assign([1, 2], { total: 3 })],
      ['a list with a toJSON of its own', () => Object.assign([1], { toJSON: 5 })],
    ])('%s are replayed as they were', async (_what, make) => {
      await execute({ run: make });
      const { result } = (await execute({})) as { result: unknown[] };
      expect(Object.entries(result)).toEqual(Object.entries(make() as unknown[]));
      expect(result).toHaveLength((make() as unknown[]).length);
    });

    it('parts that share their parts are kept', async () => {
      let value: unknown[] = ['leaf'];
      for (let i = 0; i < 40; i++) value = [value, value];
      await execute({ run: () => value });
      expect(await execute({})).toMatchObject({ ok: true, replayed: true });
    });

    it('what cannot be read is not tried again', async () => {
      const started = performance.now();
      const run = (): unknown => {
        ran++;
        return Object.defineProperty({}, 'a', { enumerable: true, get: throwing(new Error('x')) });
      };
      expect(await refusal({ run })).toMatch(/^ResultUnavailable/);
      expect(performance.now() - started).toBeLessThan(2000);
      expect([ran, await state()]).toEqual([1, 'committed']);
    });
  });

  it.each<[string, object]>([
    ['action', { action: 'send\ud800' }],
    ['request id', { requestId: `sha256:${'ab'.repeat(32)}` }],
    ['onUnknown', { onUnknown: 'Hold' }],
    ['classify', { classify: 'rejected' }],
    ['transactional', { transactional: 'yes' }],
    ['finality', { finality: { sources: 'ab' } }],
    ['finality', { finality: { sources: ['a\0'] } }],
    ['finality', { finality: trapped({}) }],
    ['leaseFor', { leaseFor: 1e300 }],
    ['retainFor', { retainFor: '999999999 weeks' }],
    ['signal', { signal: new AbortController() }],
    ['redact', { redact: async () => ({ a: 1 }) }],
    ['redact', { redact: () => Object.defineProperty({}, 'a', { enumerable: true, get: throwing(null) }) }],
  ])('%s is named, and nothing runs', async (field, more) => {
    expect(await refusal(more)).toMatch(new RegExp(`^InvalidRequest: .*${field}`));
    expect([ran, await state()]).toEqual([0, undefined]);
  });

  // What JavaScript lets through: each would be a TypeError of ours, or worse, be found out once the effect has begun.
  it.each<[string, () => unknown]>([
    ['a guard without options', () => new Guard(undefined as never)],
    ['a guard without receipts', () => new Guard({} as never)],
    ['a worker without receipts', () => preflight({} as never, undefined as never, {})],
    ['a connection string in place of a pool', () => pgReceipts(`postgres://me:${secret}@db/x` as never)],
    ['no pool', () => pgReceipts(undefined as never)],
    ['nothing to be wrapped', () => guard.wrap({ requestId: () => 'a' }, null as never)],
    ['nothing to be guarded', () => guarded({}, null as never)],
    ['nothing to be undone', () => compensate(guard, null as never, { action: 'undo', run: () => ++ran })],
    ['no evidence', () => recordEvidence(receipts, null as never)],
    ['evidence without receipts', () => recordEvidence(null as never, { requestId: 'a' } as never)],
  ])('%s is refused as an invalid request', async (_what, attempt) => {
    const error: unknown = await (async () => attempt())().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidRequestError);
    expect(String(error)).not.toContain(secret);
    expect([ran, await receipts.list()]).toEqual([0, []]);
  });

  it.each(['fingerprint', 'generation'])('a %s that gives nothing is refused', async (option) => {
    const options = { action: 'send', requestId: () => 'a', [option]: () => undefined };
    const wrapped = guard.wrap(options, () => ++ran);
    expect(await wrapped().catch((thrown: unknown) => thrown)).toBeInstanceOf(InvalidRequestError);
    expect([ran, await receipts.list()]).toEqual([0, []]);
  });

  it('a step without a function is refused before it is claimed', async () => {
    const pay = async (): Promise<unknown> => effect('charge', undefined as never);
    const { activity } = activityGuardInterceptors({ receipts, activities: { pay } });
    const env = new MockActivityEnvironment({ activityType: 'pay' }, { interceptors: activity });
    await expect(env.run(pay)).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(await receipts.list()).toEqual([]);
  });

  it('no request at all is refused', async () => {
    await expect(guard.execute(undefined as never)).rejects.toMatchObject({ code: 'InvalidRequest' });
  });

  it('a duration of many blanks is refused at once', () => {
    const started = performance.now();
    expect(() => toMs('leaseFor', `1${' '.repeat(300_000)}!`)).toThrow('leaseFor is not a duration');
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it.each([
    ['source', { source: 'webhook\ud800' }],
    ['note', { note: 'seen\0' }],
    ['note', { note: {} as string }],
  ])('evidence whose %s no database keeps is refused', async (field, more) => {
    const evidence = { requestId: 'a', source: 'webhook', verdict: 'committed' as const, ...more };
    await expect(recordEvidence(receipts, evidence)).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringContaining(field) as string,
    });
    await execute({});
    expect(ran).toBe(1);
  });

  it.each(['.', '..'])('a claim over HTTP that no path could name is refused: %s', async (requestId) => {
    const service = createService({ keys: new ApiKeys(`any ${'k'.repeat(16)}`), receipts: () => receipts });
    const headers = { authorization: `Bearer ${'k'.repeat(16)}` };
    const body = JSON.stringify({ requestId, action: 'send' });
    const response = await service.fetch(
      new Request('http://localhost/claim', { method: 'POST', headers, body }),
    );
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      400,
      expect.stringContaining('requestId'),
    ]);
  });
});
