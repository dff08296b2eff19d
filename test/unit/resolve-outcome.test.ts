/** The worker's side of a decision: what is written down, what is refused, and who has the activity. */
import { setTimeout as delay } from 'node:timers/promises';

import { MockActivityEnvironment } from '@temporalio/testing';

import { memoryReceipts } from '../../src';
import { hashRequestId, receiptKey } from '../../src/ids';
import { guarded } from '../../src/temporal/activity';
import { resolveActivity, type ResolveAnswer, type ResolveRequest } from '../../src/temporal/decisions';
import { ActivityGuardPlugin, activityGuardInterceptors, guardActivities } from '../../src/temporal/worker';
import { attributeFinder } from '../../src/temporal/worker/search-attribute';

const receipts = memoryReceipts();
let row = 0;

/** A claim whose outcome is unknown. */
async function unknownClaim({ leaseMs = 0, graceMs = 0 } = {}): Promise<{ requestId: string; key: string }> {
  const requestId = `id ${++row}`;
  const key = receiptKey(receipts.namespace, hashRequestId(requestId));
  const token = `token ${row}`;
  await receipts.claim({
    ...{ key, requestId, token, leaseMs, graceMs, action: 'pay', fingerprint: '00' },
    ...{ policy: 'ask', origin: {}, transactional: false },
  });
  await receipts.markUnknown({ key, token });
  await delay(20); // its lease and grace time may be over by now, by some milliseconds
  return { requestId, key };
}

const resolve = (request: Partial<ResolveRequest>, scheduledAgoMs = 0): Promise<ResolveAnswer> => {
  const at = Date.now() - scheduledAgoMs;
  const env = new MockActivityEnvironment({
    scheduledTimestampMs: at,
    currentAttemptScheduledTimestampMs: at,
  });
  const whole = { epoch: 1, hasResult: false, ...request } as ResolveRequest;
  return env.run<[ResolveRequest], ResolveAnswer, (r: ResolveRequest) => Promise<ResolveAnswer>>(
    guardActivities({ receipts })[resolveActivity],
    whole,
  );
};

describe('a decision', () => {
  it('that it happened is written with its result, and who said so', async () => {
    const { requestId, key } = await unknownClaim();
    const decided = { requestId, verdict: 'committed', by: 'ann', reason: 'seen' } as const;
    expect(await resolve({ ...decided, hasResult: true, result: { a: 1 } })).toEqual({ state: 'committed' });
    const found = await receipts.get(key);
    expect(new TextDecoder().decode(found?.receipt.outcome?.bytes)).toContain('{"a":1}');
    expect(found?.evidence).toMatchObject([
      { source: 'operator', verdict: 'committed', by: 'ann', note: 'seen' },
    ]);
  });

  it('that it happened, without a result, keeps only that', async () => {
    const { requestId, key } = await unknownClaim();
    await resolve({ requestId, verdict: 'committed' });
    expect((await receipts.get(key))?.receipt.outcome?.format).toBe('none');
  });

  it('that it did not happen releases the claim', async () => {
    const { requestId } = await unknownClaim();
    expect(await resolve({ requestId, verdict: 'not-committed' })).toEqual({ state: 'released' });
  });

  // Mutations: a "no" from before it could prove anything, kept until it counts.
  it.each([
    ['before the lease and the grace time are over', { leaseMs: 2000, graceMs: 2000 }, 0],
    ['so, however late it is carried out', {}, 60_000],
  ])('that it did not happen is refused %s', async (_when, times, scheduledAgoMs) => {
    const { requestId, key } = await unknownClaim(times);
    const answer = await resolve({ requestId, verdict: 'not-committed' }, scheduledAgoMs);
    expect(answer).toMatchObject({
      state: 'unknown',
      refused: expect.stringMatching(/ask the provider again/),
    });
    expect((await receipts.get(key))?.evidence).toEqual([]);
  });

  it('on an attempt that is no longer the last one is refused', async () => {
    const { requestId } = await unknownClaim();
    const answer = await resolve({ requestId, verdict: 'not-committed', epoch: 7 });
    expect(answer).toMatchObject({ state: 'unknown', refused: expect.stringMatching(/epoch 1/) });
  });

  it('after another one says what the receipt is by now', async () => {
    const { requestId } = await unknownClaim();
    await resolve({ requestId, verdict: 'committed' });
    expect(await resolve({ requestId, verdict: 'not-committed' })).toEqual({
      ...{ state: 'committed', refused: 'it is committed already' },
    });
  });

  it('against evidence that it happened is refused', async () => {
    const { requestId, key } = await unknownClaim();
    await receipts.addEvidence({ key, epoch: 1, source: 'webhook', verdict: 'committed' });
    const answer = await resolve({ requestId, verdict: 'not-committed' });
    expect(answer.refused).toMatch(/evidence/);
  });

  it('that it was undone makes it rejected for good, and says who said so', async () => {
    const { requestId, key } = await unknownClaim();
    expect(await resolve({ requestId, verdict: 'compensated', by: 'Ann', reason: 'refunded' })).toEqual({
      state: 'rejected',
    });
    const found = await receipts.get(key);
    expect(found?.receipt.outcome?.format).toBe('compensated');
    expect(found?.evidence).toMatchObject([{ source: 'operator', by: 'Ann', note: 'refunded' }]);
  });

  it('on an id without a receipt, or with a result that cannot be kept, is refused', async () => {
    const { requestId } = await unknownClaim();
    expect(await resolve({ requestId: 'none', verdict: 'committed' })).toMatchObject({ state: 'none' });
    const unkept = await resolve({ requestId, verdict: 'committed', hasResult: true, result: 1n });
    expect(unkept).toMatchObject({ state: 'unknown', refused: expect.stringMatching(/cannot be kept/) });
  });
});

describe('the activity that writes decisions down', () => {
  const plugin = new ActivityGuardPlugin({ receipts });
  const configured = (activities?: object): Record<string, unknown> =>
    (plugin.configureWorker({ taskQueue: 'q', ...(activities && { activities }) }).activities ??
      {}) as Record<string, unknown>;

  it('is on every worker with activities', () => {
    expect(Object.keys(configured({ pay: guarded(async () => 1) }))).toContain(resolveActivity);
  });

  // Mutation: a worker of workflows that polls for activities it has not got.
  it('is not on a worker of workflows alone', () => {
    expect([configured(), configured({})]).toEqual([{}, {}]);
  });

  it('is the one that the user lists', () => {
    const own = guardActivities({ receipts });
    expect(configured(own)[resolveActivity]).toBe(own[resolveActivity]);
  });

  it('is never guarded, whatever the patterns say', async () => {
    const { activity } = activityGuardInterceptors({ receipts, activities: {}, guard: [/./] });
    const env = new MockActivityEnvironment(
      { activityType: resolveActivity, scheduledTimestampMs: Date.now() },
      { interceptors: activity },
    );
    const before = (await receipts.list({ limit: 1000 })).length;
    const request: ResolveRequest = { requestId: 'none', epoch: 1, verdict: 'committed', hasResult: false };
    await env.run(guardActivities({ receipts })[resolveActivity], request);
    expect(await receipts.list({ limit: 1000 })).toHaveLength(before);
  });
});

describe('the workflow modules', () => {
  const names = (modules: readonly string[] | undefined): (string | undefined)[] =>
    (modules ?? []).map((module) => module.split('/').at(-1));
  const ours = ['interceptors.js', 'outcomes-interceptors.js'];

  it('come first, the identity before the rest, and once', () => {
    const plugin = new ActivityGuardPlugin({ receipts });
    const workflowInterceptorModules = ['/user.js'];
    const once = plugin.configureBundler({ workflowsPath: '/w.js', workflowInterceptorModules });
    expect(names(once.workflowInterceptorModules)).toEqual([...ours, 'user.js']);
    expect(names(plugin.configureBundler(once).workflowInterceptorModules)).toEqual([...ours, 'user.js']);
    const { workflowModules } = activityGuardInterceptors({ receipts, activities: {} });
    expect(names(workflowModules)).toEqual(ours);
  });
});

describe('the search attribute of a worker', () => {
  const warned: string[] = [];
  const contextWith = (customAttributes: Record<string, number> | Error) => {
    const listSearchAttributes = async () => {
      if (customAttributes instanceof Error) throw customAttributes;
      return { customAttributes };
    };
    const connection = {
      operatorService: { listSearchAttributes },
      withDeadline: (_: number, fn: () => unknown) => fn(),
    };
    return {
      ...{ client: { connection }, info: { namespace: 'default' } },
      log: { warn: (line: string) => warned.push(line) },
    } as never;
  };
  beforeEach(() => (warned.length = 0));

  it.each([
    [2, 'KEYWORD'],
    [7, 'KEYWORD_LIST'],
  ])('of type %p is named as %s', async (type, name) => {
    expect(await attributeFinder('U')(contextWith({ U: type }))).toEqual({ name: 'U', type: name });
    expect(warned).toEqual([]);
  });

  it('is not named unless the namespace has it, which is said once, and it is looked for again', async () => {
    const find = attributeFinder('U');
    for (const has of [{}, { U: 1 }, new Error('not allowed')])
      expect(await find(contextWith(has))).toBeUndefined();
    expect(warned).toEqual([expect.stringContaining('none of that name')]);
    expect(await find(contextWith({ U: 7 }))).toMatchObject({ name: 'U' });
  });

  it('is not looked for where none is configured', async () => {
    expect(await attributeFinder(undefined)({} as never)).toBeUndefined();
  });
});
