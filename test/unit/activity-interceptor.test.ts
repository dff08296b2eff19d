/** The activity interceptor as the SDK calls it, over receipts in memory: what is guarded, and whose intent it is. */
import type { Context } from '@temporalio/activity';
import {
  ApplicationFailure,
  CompleteAsyncError,
  defaultFailureConverter,
  defaultPayloadConverter,
} from '@temporalio/common';

import { GuardNotInstalledError, NotCommittedError, RejectedError } from '../../src/core';
import { composeId } from '../../src/ids';
import { effect, guarded, requestId } from '../../src/temporal/activity';
import { headerName, writeHeader, type CallHeader } from '../../src/temporal/header';
import { activityInterceptor } from '../../src/temporal/worker/interceptor';
import type { GuardDefaults } from '../../src/temporal/worker/guarded-call';
import { World } from '../support/guarding';

type Activity = (...args: never[]) => unknown;

let world: World;
let ran: unknown[];
beforeEach(() => ([world, ran] = [new World(), []]));

const pay = guarded(async (...args: unknown[]) => {
  ran.push(args);
  return requestId();
});

interface Attempt {
  readonly args?: unknown[];
  readonly header?: CallHeader | undefined;
  readonly info?: Record<string, unknown>;
  readonly defaults?: GuardDefaults;
  readonly signal?: AbortSignal;
  /** What an interceptor inside the guard does around the activity. */
  readonly inner?: (next: () => Promise<unknown>) => Promise<unknown>;
  readonly twice?: boolean;
  readonly isOutermost?: () => boolean;
}

const logged: string[] = [];
const counted: string[] = [];
/** The history of the run that another one repeats. */
let earlierCalls: { readonly activityId: string; readonly type?: string; readonly id?: string }[] = [];
beforeEach(() => ([logged.length, counted.length, earlierCalls] = [0, 0, []]));

const loadedDataConverter = {
  payloadConverter: defaultPayloadConverter,
  failureConverter: defaultFailureConverter,
  payloadCodecs: [],
};

const workflowService = {
  getWorkflowExecutionHistory: async () => ({
    history: {
      events: earlierCalls.map(({ activityId, type = 'act', id }) => ({
        activityTaskScheduledEventAttributes: {
          ...{ activityId, activityType: { name: type } },
          header: { fields: id === undefined ? {} : { [headerName]: writeHeader({ id }) } },
        },
      })),
    },
  }),
};

function contextOf({ info = {}, signal = new AbortController().signal }: Attempt): Context {
  return {
    info: {
      ...{ activityType: 'act', activityId: '7', attempt: 1, namespace: 'default', workflowType: 'order' },
      ...{ workflowExecution: { workflowId: 'order-1', runId: 'run-1' }, startToCloseTimeoutMs: 60_000 },
      ...{ scheduledTimestampMs: 1, currentAttemptScheduledTimestampMs: 1, scheduleToCloseTimeoutMs: 0 },
      ...info,
    },
    cancellationSignal: signal,
    log: {
      warn: (message: string) => logged.push(message),
      info: (message: string) => logged.push(message),
    },
    metricMeter: { createCounter: (name: string) => ({ add: () => counted.push(name) }) },
    client: {
      ...{ workflowService, options: { namespace: 'default', loadedDataConverter } },
      withDeadline: (_: number, work: () => unknown) => work(),
    },
  } as unknown as Context;
}

/** One attempt at `act`. */
function attempt(act: Activity, given: Attempt = {}): Promise<unknown> {
  const { args = [1], header = { id: 'order:1' }, defaults = {}, inner = (next) => next(), twice } = given;
  const { isOutermost } = given;
  const setup = {
    ...{ engine: world.worker().engine, defaults, activities: { act } },
    ...(isOutermost ? { isOutermost } : {}),
  };
  const factory = activityInterceptor(setup);
  const intercept = (next: (input: never) => Promise<unknown>) => (input: never) =>
    factory(contextOf(given)).inbound?.execute?.(input, next as never) as Promise<unknown>;
  const run = intercept(() => inner(async () => act(...(args as never[]))));
  const headers =
    given.header === undefined && 'header' in given ? {} : { [headerName]: writeHeader(header) };
  return world.clock.until((twice ? intercept(run) : run)({ args, headers } as never));
}

/** How an attempt ended: its value, or the type of its failure (or the error, if it is none). */
const ending = (act: Activity, given: Attempt = {}): Promise<unknown> =>
  attempt(act, given).catch((error: unknown) => (error instanceof ApplicationFailure ? error.type : error));

const listed = { defaults: { guard: ['act'] } };
const plain = async (): Promise<string> => (ran.push('plain'), 'done');

describe('a marked activity', () => {
  it('runs once, under the id in its header', async () => {
    expect([await ending(pay), await ending(pay)]).toEqual(['order:1', 'order:1']);
    expect(ran).toHaveLength(1);
  });

  // Invariant 5. Mutation: letting any guarded function run inside any guard.
  it('called inside another activity does not run, guarded or not', async () => {
    const other = guarded(async () => pay(1));
    await expect(attempt(other)).rejects.toMatchObject({
      ...{ type: 'OutcomeUnknown', cause: { type: 'GuardNotInstalled' } },
    });
    expect(await ending(async () => pay(1))).toBeInstanceOf(GuardNotInstalledError);
    expect(ran).toEqual([]);
  });

  // Mutation: a start that the guard is not told of.
  it('started a second time by an interceptor inside the guard does not run again', async () => {
    const inner = async (next: () => Promise<unknown>) => (await next(), next());
    expect(await ending(pay, { inner })).toBe('OutcomeUnknown');
    expect(ran).toHaveLength(1);
  });

  it('that an interceptor inside the guard never called has not happened', async () => {
    const failure = ApplicationFailure.create({ message: 'no quota', type: 'Quota' });
    expect(await ending(pay, { inner: () => Promise.reject(failure) })).toBe('Quota');
    expect(await ending(pay)).toBe('order:1');
  });

  it('with the interceptor twice makes one claim', async () => {
    expect([await ending(pay, { twice: true }), world.tokens, ran.length]).toEqual(['order:1', 1, 1]);
  });
});

describe('an activity that is guarded by its name', () => {
  // Mutation: an effect that is not begun leaves no receipt.
  it('runs once', async () => {
    expect([await ending(plain, listed), await ending(plain, listed)]).toEqual(['done', 'done']);
    expect(ran).toHaveLength(1);
  });

  it('is one of several that a pattern names, every time', async () => {
    const defaults = { guard: [/^act$/g] };
    for (let i = 0; i < 3; i++) await ending(plain, { defaults });
    expect(ran).toHaveLength(1);
  });
});

describe('steps', () => {
  it('have ids of their own, and run once each', async () => {
    const ids: string[] = [];
    const steps = async (): Promise<void> => {
      await effect('charge', async () => ids.push(requestId()));
      await effect('mail', async () => ids.push(requestId()));
    };
    await attempt(steps);
    await attempt(steps);
    expect(ids).toEqual(['7:order:1/6:charge', '7:order:1/4:mail']);
  });

  // Mutation: an id made of the name as it is written.
  it('have one id in every Unicode normal form of their name', async () => {
    for (const form of ['NFD', 'NFC'])
      await attempt(async () => effect('é'.normalize(form), plain, { action: 'mail' }));
    expect(ran).toHaveLength(1);
  });

  // Mutation: two effects under one name would be one.
  it('of one name twice in an attempt are refused', async () => {
    const steps = async (): Promise<void> => {
      await effect('mail', plain);
      await effect('mail', plain);
    };
    expect([await ending(steps), ran.length]).toEqual(['InvalidRequest', 1]);
  });

  it('inside an activity that is guarded as a whole, or inside a step, are refused', async () => {
    for (const act of [guarded(() => effect('mail', plain)), () => effect('a', () => effect('b', plain))])
      expect(await attempt(act).catch((error: { cause?: unknown }) => error.cause)).toMatchObject({
        type: 'InvalidRequest',
      });
    expect(ran).toEqual([]);
  });

  it('outside of a worker with the guard do not run', async () => {
    await expect(effect('mail', plain)).rejects.toBeInstanceOf(GuardNotInstalledError);
    expect(ran).toEqual([]);
  });
});

describe('whose intent a call is', () => {
  const byOrder = guarded({ requestId: (order: unknown) => order as string }, pay as never);

  it.each<[string, Activity, CallHeader]>([
    ['arguments that JSON cannot hold', pay, { problem: 'arguments' }],
    ['a cron tick that may be a retry', pay, { problem: 'cron-with-retry' }],
    ['an empty id', byOrder, { id: 'order:1' }],
  ])('is refused for %s, before anything is claimed', async (_what, act, header) => {
    expect(await ending(act, { args: [''], header })).toBe('InvalidRequest');
    expect([ran, world.database.rows.size]).toEqual([[], 0]);
  });

  // Mutation: a claim before the fingerprint would leave a row that nobody can run.
  it('is refused for a payload that cannot be compared, before anything is claimed', async () => {
    expect(await ending(pay, { args: [NaN] })).toBe('InvalidRequest');
    expect([ran, world.database.rows.size]).toEqual([[], 0]);
  });

  // Mutation: an id of the activity's own that is compared as it was written.
  it('is the same in every Unicode normal form', async () => {
    for (const form of ['NFD', 'NFC'])
      await attempt(guarded({ requestId: () => 'é'.normalize(form), fingerprint: () => 1 }, plain));
    expect(ran).toHaveLength(1);
  });

  it('of an explicit id in the header is that id, whatever else is said', async () => {
    const idHash = 'ab'.repeat(32);
    const own = guarded({ requestId: () => 'own' }, async () => requestId());
    expect(await ending(own, { header: { idHash } })).toBe(`sha256:${idHash}`);
  });

  // Mutation: the fall-back. An interceptor that copies headers would take the ids from all calls.
  it('that undoes another one says so in its receipt', async () => {
    await attempt(pay, { header: { idHash: 'a'.repeat(64), undoes: 'b'.repeat(64) } });
    expect(await world.receipts.list()).toMatchObject([{ origin: { undoes: 'b'.repeat(64) } }]);
  });

  it("of a header that is not the call's is refused", async () => {
    expect(await ending(pay, { header: { scope: 'child-1' } as never })).toBe('InvalidRequest');
    expect(await ending(pay, { header: { problem: 'start-arguments' } })).toBe('InvalidRequest');
    expect([ran, world.database.rows.size]).toEqual([[], 0]);
    const own = guarded({ requestId: () => 'own' }, async () => requestId());
    expect(await ending(own, { header: { scope: 'child-1' } as never })).toBe('own');
  });

  it('has a fingerprint of its own that says something', async () => {
    const idHash = 'ab'.repeat(32);
    const blank = guarded({ fingerprint: () => undefined }, plain);
    expect(await ending(blank, { header: { idHash } })).toBe('InvalidRequest');
    expect([ran, world.database.rows.size]).toEqual([[], 0]);
  });

  it('without a header is its run and activity, which is said', async () => {
    expect(await ending(pay, { header: undefined })).toBe('9:no-header/7:default/7:order-1/5:run-1/1:7');
    expect(logged.join()).toMatch(/without a request id/);
  });

  it('with other arguments, or of another activity, is refused', async () => {
    await attempt(pay);
    expect(await ending(pay, { args: [2] })).toBe('RequestIdReused');
    expect(await ending(pay, { info: { activityType: 'act2' }, defaults: { guard: ['act2'] } })).toBe(
      'RequestIdReused',
    );
    expect(ran).toHaveLength(1);
  });
});

describe('a failure', () => {
  const failing = (error: unknown) =>
    guarded(async () => {
      ran.push('failing');
      throw error;
    });

  // Mutation: a rejection without the mark by which the workflow knows its slot as settled.
  it('of a refusal is final, and marked with its intent', async () => {
    const declined = new RejectedError('declined', { type: 'CardDeclined' });
    for (let i = 0; i < 2; i++)
      await expect(attempt(failing(declined))).rejects.toMatchObject({
        ...{ type: 'CardDeclined', nonRetryable: true },
        cause: { type: 'ActivityGuardRejected', details: ['order:1'] },
      });
    expect(ran).toHaveLength(1);
  });

  // Mutation: one that Temporal does not retry would never be found out.
  it('that leaves the outcome unknown is retried, whatever the effect said, and has it as its cause', async () => {
    const final = ApplicationFailure.nonRetryable('bad response', 'Parse');
    await expect(attempt(failing(final))).rejects.toMatchObject({
      ...{ type: 'OutcomeUnknown', nonRetryable: false, cause: final, details: [{ requestId: 'order:1' }] },
    });
    expect(await ending(failing(final))).toBe('OutcomeUnknown');
    expect(ran).toHaveLength(1);
  });

  it('that leaves it unknown under fail is for the workflow to decide', async () => {
    const act = guarded({ onUnknown: 'fail' }, failing(new Error('reset')) as never);
    const own = guarded({ onUnknown: 'fail' }, async () => {
      throw new Error('reset');
    });
    expect(await ending(act)).toBe('OutcomeUnknown');
    const seen = [1, 2].map(() => ({ type: 'OutcomeUnknown', nonRetryable: true }));
    const header = { id: 'order:2' };
    for (const expected of seen) await expect(attempt(own, { header })).rejects.toMatchObject(expected);
  });

  it('that leaves it unknown under ask tells the workflow what to wait for', async () => {
    const failing = guarded({ onUnknown: 'ask' }, () => Promise.reject(new Error('socket hang up')));
    await expect(attempt(failing)).rejects.toMatchObject({
      ...{
        type: 'OutcomeUnknown',
        nonRetryable: true,
        details: [{ requestId: 'order:1', ask: { epoch: 1 } }],
      },
    });
  });

  it('that says nothing happened is retried and runs again, unless who wrote it made it final', async () => {
    await expect(attempt(failing(new NotCommittedError('no connection')))).rejects.toMatchObject({
      ...{ type: 'NotCommitted', nonRetryable: false },
    });
    const cause = ApplicationFailure.nonRetryable('no such account');
    await expect(attempt(failing(new NotCommittedError('x', { cause })))).rejects.toMatchObject({
      nonRetryable: true,
    });
    expect(ran).toHaveLength(2);
  });

  it('under a cancellation is that cancellation, and the receipt says that the outcome is unknown', async () => {
    const abort = new AbortController();
    const act = guarded(async () => {
      abort.abort();
      throw new Error('aborted');
    });
    await expect(attempt(act, { signal: abort.signal })).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect(await world.state()).toBe('unknown');
  });

  // Mutation: completion from elsewhere as an unknown outcome.
  it('that hands the effect over passes, and keeps the claim', async () => {
    expect(await ending(failing(new CompleteAsyncError()))).toBeInstanceOf(CompleteAsyncError);
    expect(await world.state()).toBe('delegated');
  });
});

describe('what people may see of the arguments', () => {
  it('is what redact gives, of activities and of steps', async () => {
    const redact = (args: unknown) => ({ order: (args as [{ id: number }])[0].id });
    const act = guarded({ redact }, async () => 'paid');
    await attempt(act, { args: [{ id: 7, card: '4111' }] });
    const stepping = async () => effect('pay', () => 'paid', { redact, requestId: 'step:1' });
    await attempt(stepping, { args: [{ id: 8, card: '4111' }], header: { id: 'order:2' } });
    const receipts = await world.receipts.list();
    expect(receipts.map(({ origin }) => origin['payload.order']).sort()).toEqual(['7', '8']);
    expect(JSON.stringify(receipts)).not.toContain('4111');
  });
});

describe('the origin of a claim', () => {
  const originOf = async (given: Attempt): Promise<unknown> => {
    const claim = jest.spyOn(world.receipts, 'claim');
    await ending(pay, given);
    const { outermost, local } = claim.mock.calls.at(-1)?.[0].origin ?? {};
    return { outermost, local };
  };

  // Mutations: history would prove what an interceptor outside the guard has made up.
  it('says that the guard is outermost only where that is certain, at the moment of the claim', async () => {
    let isOutermost = false;
    const given = { isOutermost: () => isOutermost };
    expect(await originOf({})).toEqual({});
    expect(await originOf(given)).toEqual({});
    isOutermost = true;
    expect(await originOf(given)).toEqual({ outermost: 'yes' });
  });

  it('tells a local activity, which the history knows only as a marker', async () => {
    expect(await originOf({ info: { isLocal: true } })).toEqual({ local: 'yes' });
  });
});

describe('a claim that a failover may have lost', () => {
  const olderMs = async (
    info: Record<string, unknown>,
    more: Partial<CallHeader> = {},
  ): Promise<number | undefined> => {
    const claim = jest.spyOn(world.receipts, 'claim');
    await ending(pay, { info, header: { id: 'order:1', ...more } });
    return claim.mock.calls.at(-1)?.[0].mayBeOlderMs;
  };

  // Mutations: going by the number of the attempt alone, which a reset of the activity starts anew.
  it('is thought of from the second attempt on, also when its number was reset', async () => {
    const scheduledTimestampMs = Date.now() - 100_000;
    const first = { scheduledTimestampMs, currentAttemptScheduledTimestampMs: scheduledTimestampMs };
    expect(await olderMs(first)).toBeUndefined();
    expect(await olderMs({ ...first, attempt: 2 })).toBeGreaterThan(100_000);
    const reset = { scheduledTimestampMs, currentAttemptScheduledTimestampMs: Date.now() };
    expect(await olderMs(reset)).toBeGreaterThan(100_000);
  });

  // Mutation: an attempt's own times alone. The workflow's own loop, its reset and its retry make first attempts.
  it('is thought of where the workflow made the call before', async () => {
    const now = Date.now();
    const first = { scheduledTimestampMs: now, currentAttemptScheduledTimestampMs: now };
    expect(await olderMs(first, { since: now - 200_000 })).toBeGreaterThanOrEqual(260_000);
    expect(await olderMs(first, { since: now - 200_000 })).toBeLessThan(300_000);
    const at = (now - 300_000).toString(16).padStart(12, '0');
    const rerunOf = `${at.slice(0, 8)}-${at.slice(8)}-7abc-8abc-0123456789ab`;
    expect(await olderMs(first, { rerunOf })).toBeGreaterThanOrEqual(360_000);
    expect(await olderMs(first, { rerunOf })).toBeLessThan(400_000);
    expect(await olderMs(first, { rerunOf: '01a20ea2-e19f-486a-a5fd-fc6895593192' })).toBeGreaterThan(now);
  });
});

describe('a workflow that runs again', () => {
  const id = (args: string, slot = 1, action = 'act'): string =>
    composeId(['run-1', action, args.repeat(32), String(slot)]);
  const rerunOf = 'run-0';
  /** What was said once everything had been looked at. */
  const said = async (header: CallHeader, more: Attempt = {}): Promise<string> => {
    logged.length = 0;
    await ending(pay, { header, ...more });
    await new Promise((resolve) => setImmediate(resolve));
    return logged.join();
  };

  it('and calls with other arguments than before is warned', async () => {
    earlierCalls = [{ activityId: '7', id: id('a') }];
    expect(await said({ id: id('b'), rerunOf })).toMatch(/other arguments than before/);
    expect(counted).toEqual(['activity_guard_changed_arguments']);
  });

  it.each<[string, CallHeader, typeof earlierCalls]>([
    ['it is no rerun', { id: id('b') }, [{ activityId: '7', id: id('a') }]],
    ['the call was not made before', { id: id('b'), rerunOf }, [{ activityId: '8', id: id('a') }]],
    ['only the slot differs', { id: id('a', 2), rerunOf }, [{ activityId: '7', id: id('a') }]],
    ['it was another action', { id: id('b'), rerunOf }, [{ activityId: '7', id: id('a', 1, 'b') }]],
    ['it was another activity', { id: id('b'), rerunOf }, [{ activityId: '7', type: 'b', id: id('a') }]],
    ['it had no id then', { id: id('b'), rerunOf }, [{ activityId: '7' }]],
    ['the id is explicit', { idHash: 'ab'.repeat(32), rerunOf }, [{ activityId: '7', id: id('a') }]],
    ['it was open', { id: id('b'), rerunOf, since: 1 }, [{ activityId: '7', id: id('a') }]],
  ])('is not warned where %s', async (_why, header, calls) => {
    earlierCalls = calls;
    expect(await said(header)).toBe('');
  });

  it('is not warned, nor held up, where the history cannot be read', async () => {
    jest.spyOn(workflowService, 'getWorkflowExecutionHistory').mockRejectedValueOnce(new Error('gone'));
    expect(await said({ id: id('b'), rerunOf })).toBe('');
  });

  it('reads a history once, and not for receipts', async () => {
    const read = jest.spyOn(workflowService, 'getWorkflowExecutionHistory').mockClear();
    const { engine } = world.worker();
    const factory = activityInterceptor({ engine, defaults: {}, activities: { act: pay } });
    for (const header of [
      { id: id('b'), rerunOf },
      { id: id('b'), rerunOf },
      { id: id('c'), rerunOf },
    ]) {
      const input = { args: [1], headers: { [headerName]: writeHeader(header) } };
      await world.clock.until(
        factory(contextOf({})).inbound?.execute?.(input, () => pay(1)) as Promise<unknown>,
      );
    }
    expect(read).toHaveBeenCalledTimes(1);
  });

  // Protocol: said in the docs, counted and logged.
  it('and gets the receipt of a call that was left open hears so', async () => {
    expect(await said({ id: 'order:1' })).toBe('');
    expect(await said({ id: 'order:1', since: 1 }, { info: { isLocal: true, attempt: 2 } })).toBe('');
    expect(await said({ id: 'order:1', since: 1 })).toMatch(/got the receipt of that same intent/);
    expect(counted).toEqual(['activity_guard_same_intent_replays']);
  });
});

describe("the workflow's fingerprint", () => {
  it('stands for the arguments, which may change', async () => {
    const header = { id: 'order:1', print: 'f'.repeat(32) };
    expect([await ending(pay, { args: [1], header }), await ending(pay, { args: [2], header })]).toEqual([
      'order:1',
      'order:1',
    ]);
    expect(ran).toHaveLength(1);
    expect(await ending(pay, { args: [1], header: { ...header, print: 'e'.repeat(32) } })).toBe(
      'RequestIdReused',
    );
  });

  // Mutation: a fingerprint of the activity that is taken for one of the call.
  it('is asked for where the activity has one, which cannot reach a derived id', async () => {
    const printed = guarded({ fingerprint: () => 1 }, plain);
    await attempt(printed, { header: { id: 'order:1', print: 'f' } });
    await attempt(guarded({ fingerprint: () => 1, requestId: () => 'own' }, plain));
    expect(logged).toEqual([]);
    await attempt(printed, { header: { id: 'order:2' } });
    expect(logged.join()).toMatch(/withFingerprint\(act, …\)/);
  });
});
