/** The workflow interceptors as the SDK calls them, without a sandbox: which header every call gets, and when a slot closes. */
import { AsyncLocalStorage } from 'node:async_hooks';

let info: Record<string, unknown> = {};
let isReplaying = false;
/** What the SDK's own scope tells of cancellations. */
let scope: { cancellable: boolean; cancelRequested: Promise<never> };
jest.mock('@temporalio/workflow', () => ({
  ...jest.requireActual<object>('@temporalio/workflow'),
  AsyncLocalStorage,
  CancellationScope: { current: () => scope },
  workflowInfo: () => ({ ...info, unsafe: { isReplaying } }),
}));

// After the mock: this is compiled to `require` where it stands.
import { ApplicationFailure } from '@temporalio/common';

import { hashRequestId } from '../../src/ids';
import {
  headerName,
  readHeader,
  writeHeader,
  type ProblemHeader,
  type ScopeHeader,
} from '../../src/temporal/header';
import { rejectionFailure } from '../../src/temporal/outcomes/failures';
import { withFingerprint, withRequestId } from '../../src/temporal/workflow/call-context';
import { interceptors } from '../../src/temporal/workflow/interceptors';

type Header =
  | Partial<{ id: string; idHash: string; problem: string; since: number; print: string } & ScopeHeader>
  | undefined;
type Headers = Parameters<typeof readHeader>[0];
const read = (headers: Headers): Header => readHeader<ScopeHeader>(headers);
const started = {
  ...{ attempt: 1, firstExecutionRunId: 'run', originalExecutionRunId: 'run', runId: 'run' },
  startTime: new Date(7),
};

/** Everything that a call led to has gone on. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One workflow run. */
class Run {
  private readonly outbound;

  constructor(more: Record<string, unknown> = {}, startHeader?: ScopeHeader | ProblemHeader) {
    info = { ...started, ...more };
    const made = interceptors();
    const headers = startHeader ? { [headerName]: writeHeader(startHeader) } : {};
    void made.inbound?.[0]?.execute?.({ headers, args: [] }, async () => undefined);
    const [outbound] = made.outbound ?? [];
    if (!outbound) throw new Error('no interceptor');
    this.outbound = outbound;
  }

  /** Calls an activity that ends so, and gives the header it got. */
  async call(
    args: unknown[],
    ends: () => Promise<unknown>,
    {
      kind = 'scheduleActivity',
      action = 'charge',
      headers = {},
      sent = (_: Header): unknown => undefined,
      attempt = 1,
    } = {},
  ): Promise<Header> {
    let seen: Header;
    const next = async (input: { headers: Headers }): Promise<unknown> => {
      sent((seen = read(input.headers)));
      return ends();
    };
    const schedule = this.outbound[kind as 'scheduleActivity'];
    const input = { activityType: action, args, headers, options: {}, seq: 1, attempt };
    await schedule?.(input, next).catch(() => undefined);
    await quiet();
    return seen;
  }

  async child(
    ends: () => Promise<unknown>,
    parentClosePolicy = 'TERMINATE',
    args: unknown[] = [1],
  ): Promise<Header> {
    let seen: Header;
    const next = async (input: { headers: Headers }) => {
      seen = read(input.headers);
      const completed = ends();
      completed.catch(() => undefined);
      return ['run id', completed] as const;
    };
    const input = { workflowType: 'ship', headers: {}, options: { args, parentClosePolicy }, seq: 1 };
    void (await this.outbound.startChildWorkflowExecution?.(input as never, next as never));
    await quiet();
    return seen;
  }

  async continueAsNew(): Promise<Header> {
    let seen: Header;
    const input = { args: [], headers: {}, options: {} };
    const next = async (given: { headers: Headers }): Promise<never> => (
      (seen = read(given.headers)), undefined as never
    );
    await this.outbound.continueAsNew?.(input as never, next);
    return seen;
  }
}

const ok = async (): Promise<string> => 'ok';
const fails = async (): Promise<never> => Promise.reject(new Error('timed out'));
const never = (): Promise<never> => new Promise(() => undefined);
const rejects = (id: string) => async (): Promise<never> =>
  Promise.reject(
    Object.assign(new Error('activity failed'), { cause: rejectionFailure(new Error('declined'), id) }),
  );

let run: Run;
beforeEach(() => {
  isReplaying = false;
  scope = { cancellable: true, cancelRequested: never() };
  run = new Run();
});

describe.each(['scheduleActivity', 'scheduleLocalActivity'])('an equal call by %s', (kind) => {
  const call = async (ends: () => Promise<unknown>): Promise<string> =>
    (await run.call([1], ends, { kind }))?.id ?? 'none';

  it('after a result is a new intent', async () => {
    expect(await call(ok)).not.toBe(await call(ok));
  });

  // Mutation: a slot that any end closes; a new request id for the same intent is a second effect.
  it('after a failure is the same intent', async () => {
    expect(await call(fails)).toBe(await call(ok));
  });

  // Mutation: a slot that a rejection leaves open would replay the rejection for ever.
  it('after a rejection of that very intent is a new one', async () => {
    const id = await call(fails);
    expect(await call(rejects(id))).toBe(id);
    expect(await call(ok)).not.toBe(id);
  });

  // Mutation: taking any rejection for this call's. An activity may pass on another one's failure.
  it('after a rejection is a new one in every Unicode normal form of its name', async () => {
    const named = (ends: () => Promise<unknown>) => run.call([1], ends, { kind, action: 'e\u0301' });
    const id = (await named(fails))?.id ?? '';
    await named(rejects(id.normalize('NFC')));
    expect((await named(ok))?.id).not.toBe(id);
  });

  it('after the rejection of another intent is the same one', async () => {
    const id = await call(rejects('another id'));
    expect(await call(ok)).toBe(id);
  });

  it('after a failure that only looks like a rejection is the same intent', async () => {
    const id = await call(async () => Promise.reject(ApplicationFailure.nonRetryable('no', 'Rejected')));
    expect(await call(ok)).toBe(id);
  });

  it('beside one that runs is another intent', async () => {
    let running = '';
    void run.call([1], never, { kind, sent: (header) => (running = header?.id ?? '') });
    const beside = await call(ok);
    expect([running, beside]).toEqual([expect.stringMatching(/1:1$/), expect.stringMatching(/1:2$/)]);
  });
});

describe('a local activity that the SDK schedules again after a timer', () => {
  const backOff = async (): Promise<never> =>
    Promise.reject(Object.assign(new Error('back off'), { name: 'LocalActivityDoBackoff' }));
  const kind = 'scheduleLocalActivity';

  // Mutations: no memory of the array of arguments; a back-off that ends the call.
  it('keeps its id, and an equal call beside it has another', async () => {
    const args = [1];
    const first = await run.call(args, backOff, { kind });
    const beside = await run.call([1], ok, { kind });
    const again = await run.call(args, ok, { kind, attempt: 2 });
    expect(again?.id).toBe(first?.id);
    expect(beside?.id).not.toBe(first?.id);
    expect((await run.call(args, ok, { kind }))?.id).not.toBe(first?.id); // it is over: a new intent
  });

  // Mutation: trust in the array alone. An interceptor before this one may make a new array each time.
  it('keeps its id in another array of equal arguments', async () => {
    const first = await run.call([1], backOff, { kind });
    await run.call([2], backOff, { kind });
    expect((await run.call([1], backOff, { kind, attempt: 2 }))?.id).toBe(first?.id);
    expect((await run.call([1], ok, { kind, attempt: 3 }))?.id).toBe(first?.id);
  });

  it('keeps its id in another array of arguments with an equal fingerprint', async () => {
    const call = withFingerprint(
      (at: number, ends: () => Promise<unknown>, attempt: number) => run.call([at], ends, { kind, attempt }),
      () => 'order',
    );
    const first = await call(1, backOff, 1);
    expect((await call(2, ok, 2))?.id).toBe(first?.id);
  });

  it('is found by its array first, also where the arguments have been changed in place', async () => {
    const args = [1];
    const first = await run.call(args, backOff, { kind });
    args[0] = 2;
    expect((await run.call(args, ok, { kind, attempt: 2 }))?.id).toBe(first?.id);
  });

  // Mutation: a call with an explicit id, which is no slot's, that takes away the back-off of an equal one.
  it('keeps its id beside an equal one with an explicit id', async () => {
    const args = [1];
    const first = await run.call(args, backOff, { kind });
    await withRequestId('invoice:42', () => run.call([1], backOff, { kind }));
    await withRequestId('invoice:42', () => run.call([1], ok, { kind, attempt: 2 }));
    expect((await run.call(args, ok, { kind, attempt: 2 }))?.id).toBe(first?.id);
  });

  // Mutation: a cancellation that ends whatever the call does by then. The scope of an earlier back-off lives on.
  it('is not over for a cancellation of the scope that it was in before', async () => {
    let cancel = (_: unknown): void => undefined;
    scope = { cancellable: true, cancelRequested: new Promise((_, reject) => (cancel = reject)) };
    const first = await run.call([1], backOff, { kind });
    await run.call([1], fails, { kind, attempt: 2 });
    scope = { cancellable: true, cancelRequested: never() };
    await run.call([1], backOff, { kind }); // the same intent again
    cancel(new Error('cancelled'));
    await quiet();
    expect((await run.call([1], ok, { kind }))?.id).not.toBe(first?.id);
  });

  // Mutation: nobody listens to the scope. The SDK's timer is cancelled, and tells no interceptor.
  it('is over when its timer is cancelled: the next equal call is the same intent', async () => {
    let cancel = (_: unknown): void => undefined;
    scope = { cancellable: true, cancelRequested: new Promise((_, reject) => (cancel = reject)) };
    const first = await run.call([1], backOff, { kind });
    cancel(new Error('cancelled'));
    await quiet();
    expect((await run.call([1], ok, { kind }))?.id).toBe(first?.id);
  });

  // Mutation: a scope that cannot be cancelled still hears of requests, and its timers go on.
  it.each([
    ['it was scheduled again before', { cancellable: true, attempt: 2 }],
    ['its scope cannot be cancelled', { cancellable: false, attempt: 0 }],
  ])('is not over for a cancellation when %s', async (_when, { cancellable, attempt }) => {
    let cancel = (_: unknown): void => undefined;
    const cancelRequested = new Promise<never>((_, reject) => (cancel = reject));
    cancelRequested.catch(() => undefined);
    scope = { cancellable, cancelRequested };
    const first = await run.call([1], backOff, { kind });
    if (attempt > 0) void run.call([1], never, { kind, attempt });
    cancel(new Error('cancelled'));
    await quiet();
    expect((await run.call([1], ok, { kind }))?.id).not.toBe(first?.id);
  });
});

it('a call that could not even be scheduled leaves its slot open', async () => {
  const refused = (): never => {
    throw new TypeError('no time-out given');
  };
  const first = await run.call([1], refused).catch(() => undefined);
  expect((await run.call([1], ok))?.id).toBe(
    first?.id ?? '3:run/6:charge/32:080a9ed428559ef602668b4c00f114f1/1:1',
  );
});

describe('a child workflow', () => {
  it('of an equal call after a result has another scope, and the same one after a failure', async () => {
    const [first, second] = [await run.child(ok), await run.child(fails)];
    expect(first?.scope).toMatch(/^child-/);
    expect(second?.scope).not.toBe(first?.scope);
    expect(await run.child(ok)).toMatchObject({ scope: second?.scope });
  });

  // Mutation: a child slot that a rejection closes. Only a result says that all of its calls are over.
  it('that failed with a rejection keeps its scope', async () => {
    const first = await run.child(fails);
    expect((await run.child(rejects(first?.scope ?? '')))?.scope).toBe(first?.scope);
    expect((await run.child(ok))?.scope).toBe(first?.scope);
  });

  // Mutation: no header. By itself the child would be another intent whenever its parent runs again.
  it('of which nobody can tell which one it is, is told so', async () => {
    expect(await run.child(ok, 'TERMINATE', [NaN])).toEqual({ problem: 'start-arguments' });
    run = new Run({ cronSchedule: '* * * * *', retryPolicy: {} });
    expect(await run.child(ok)).toEqual({ problem: 'cron-with-retry' });
  });

  it('that was told so has no ids, and hands that on', async () => {
    run = new Run({}, { problem: 'start-arguments' });
    const problem = { problem: 'start-arguments' };
    expect([await run.call([1], ok), await run.child(ok)]).toEqual([problem, problem]);
    expect(await run.continueAsNew()).toEqual(problem);
    expect(await withRequestId('invoice:42', () => run.call([1], ok))).toMatchObject({
      idHash: hashRequestId('invoice:42'),
    });
  });
});

describe('a continue-as-new', () => {
  // Mutations: no header; a header without the open calls, or without the run that sent it.
  it('carries its scope, its run and the calls that are open, which the next run reuses first', async () => {
    const open = await run.call([1], fails);
    await run.call([2], ok);
    const header = await run.continueAsNew();
    expect(header).toMatchObject({ scope: 'run~2', from: 'run', open: [{ id: open?.id, action: 'charge' }] });
    const next = new Run({ runId: 'second', continuedFromExecutionRunId: 'run' }, header as ScopeHeader);
    expect((await next.call([1], ok))?.id).toBe(open?.id);
    expect((await next.call([1], ok))?.id).toContain('run~2');
  });

  // Mutation: every child carried. The next run's would get the receipts of one that has gone on by itself.
  it('carries no child that goes on by itself, unless it has failed before', async () => {
    await run.child(never, 'ABANDON');
    expect((await run.continueAsNew())?.open).toEqual([]);
    await run.child(fails, 'ABANDON');
    expect((await run.continueAsNew())?.open).toHaveLength(1);
    await run.child(never, 'REQUEST_CANCEL'); // the same call again
    expect((await run.continueAsNew())?.open).toHaveLength(1);
  });

  it('of another run is not believed', async () => {
    const next = new Run({ continuedFromExecutionRunId: 'other' }, { scope: 'run~2', from: 'run' });
    expect((await next.call([1], ok))?.id).toMatch(/^3:run\//);
  });
});

describe('an explicit id', () => {
  const idHash = hashRequestId('invoice:42');

  it('wins over the derived one, and shifts no slot', async () => {
    expect(await withRequestId('invoice:42', () => run.call([1], ok))).toEqual({ idHash });
    expect((await run.call([1], ok))?.id).toMatch(/\/1:1$/);
  });

  // Mutation: an explicit id for whatever is called under it.
  it.each([
    ['with other arguments', [2], 'charge'],
    ['of another action', [1], 'refund'],
  ])('is refused to a second call %s, but not to the same call again', async (_what, args, action) => {
    await withRequestId('invoice:42', async () => {
      await run.call([1], fails);
      expect(await run.call([1], ok)).toEqual({ idHash, since: expect.any(Number) as number });
      await expect(async () => run.call(args, ok, { action })).rejects.toMatchObject({
        type: 'InvalidRequest',
      });
    });
  });

  it('that cannot be an id is refused', () => {
    expect(() => withRequestId('', ok)).toThrow(expect.objectContaining({ type: 'InvalidRequest' }));
  });
});

describe('a call says how old its intent may be', () => {
  it('when it is made again after a failure, also in the next run', async () => {
    const before = Date.now();
    expect((await run.call([1], fails))?.since).toBeUndefined();
    const { since = 0 } = (await run.call([1], fails)) ?? {};
    expect(since).toBeGreaterThanOrEqual(before);
    const header = await run.continueAsNew();
    const next = new Run({ runId: 'second', continuedFromExecutionRunId: 'run' }, header as ScopeHeader);
    expect(await next.call([1], ok)).toMatchObject({ since });
    expect((await next.call([1], ok))?.since).toBeUndefined();
  });

  it("when an explicit id is used again, as in a workflow's own loop", async () => {
    const call = () => withRequestId('invoice:42', () => run.call([1], fails));
    expect((await call())?.since).toBeUndefined();
    expect((await call())?.since).toEqual(expect.any(Number));
    const other = await withRequestId('invoice:43', () => run.call([1], fails));
    expect(other?.since).toBeUndefined();
  });

  it('when a child is started again: its calls may have been made by the first one', async () => {
    expect((await run.child(fails))?.rerunOf).toBeUndefined();
    const again = await run.child(fails);
    expect(again).toMatchObject({ rerunOf: 'run', rerunAt: expect.any(Number) as number });
    const header = (await run.continueAsNew()) as ScopeHeader;
    const second = { runId: 'second', originalExecutionRunId: 'second', continuedFromExecutionRunId: 'run' };
    expect(await new Run(second, header).child(ok)).toMatchObject(again ?? {});
  });

  it('by the time that a reset keeps: the id of its original run may not tell it', async () => {
    run = new Run({ runId: 'reset' });
    const call = await run.call([1], ok);
    expect(call).toMatchObject({ rerunOf: 'run', rerunAt: 7 });
    const child = (await run.child(ok)) as ScopeHeader;
    expect(await new Run({}, child).call([1], ok)).toMatchObject({ rerunOf: 'run', rerunAt: 7 });
  });

  it.each<[string, Record<string, unknown>, ScopeHeader | undefined, string | undefined]>([
    ['not in a first run', {}, undefined, undefined],
    ['in a reset', { runId: 'reset' }, undefined, 'run'],
    ['in a workflow retry', { runId: 'r', originalExecutionRunId: 'r', attempt: 2 }, undefined, 'run'],
    ['in a child of a reset', {}, { scope: 'child-1', rerunOf: 'parent' }, 'parent'],
  ])('%s', async (_name, more, header, rerunOf) => {
    run = new Run(more, header);
    expect((await run.call([1], ok))?.rerunOf).toBe(rerunOf);
    expect((await withRequestId('invoice:42', () => run.call([2], ok)))?.rerunOf).toBe(rerunOf);
    expect((await run.child(ok))?.rerunOf).toBe(rerunOf);
    expect((await run.continueAsNew())?.rerunOf).toBe(rerunOf);
  });
});

describe('a fingerprint', () => {
  const charge = withFingerprint(
    (order: { id: string; at: number }, kind?: string) => run.call([order], ok, { kind }),
    ({ id }) => id,
  );

  // Mutation: the hash of the arguments, which a time or a uuid changes in every run.
  it.each(['scheduleActivity', 'scheduleLocalActivity'])('stands for the arguments of %s', async (kind) => {
    const first = await charge({ id: 'o1', at: 1 }, kind);
    run = new Run({ runId: 'reset' });
    const again = await charge({ id: 'o1', at: 2 }, kind);
    expect(again?.id).toBe(first?.id);
    expect(again?.print).toBe(first?.print);
    expect(again?.id).toContain(first?.print);
    expect((await charge({ id: 'o2', at: 2 }, kind))?.id).not.toBe(first?.id);
  });

  it('keeps equal calls apart', async () => {
    const [first, second] = [await charge({ id: 'o1', at: 1 }), await charge({ id: 'o1', at: 2 })];
    expect(first?.id).not.toBe(second?.id);
  });

  it('goes with an explicit id, and ends with its call', async () => {
    const header = await withRequestId('invoice:42', () => charge({ id: 'o1', at: 1 }));
    expect(header).toEqual({ idHash: hashRequestId('invoice:42'), print: expect.any(String) as string });
    expect((await run.call([1], ok))?.print).toBeUndefined();
    const named = withFingerprint(
      (_at: number) => withRequestId('invoice:43', () => run.call([_at], ok)),
      () => 'invoice',
    );
    const print = (await named(1))?.print;
    expect([print, (await named(2))?.print]).toEqual([expect.any(String), print]);
  });

  it('stands for the arguments of a child', async () => {
    const ship = withFingerprint(
      (_at: number) => run.child(fails),
      () => 'parcel',
    );
    expect((await ship(1))?.scope).not.toBe((await run.child(fails))?.scope);
    expect(await ship(2)).toEqual(await ship(3));
  });

  // Mutation: a hash of nothing. All calls would be one intent, and most of them would never happen.
  it.each([
    ['that cannot be written', NaN],
    ['that is nothing', undefined],
    ['that is a promise', Promise.resolve('order')],
    ['that is a function', () => 'order'],
  ])('%s is refused before anything happens', (_what, print) => {
    const fn = jest.fn(ok);
    expect(() => withFingerprint(fn, () => print)()).toThrow(
      expect.objectContaining({ type: 'InvalidRequest' }),
    );
    expect(fn).not.toHaveBeenCalled();
  });
});

describe('a call without an identity says why', () => {
  it('when its arguments are nothing that JSON can hold', async () => {
    expect(await run.call([NaN], ok)).toEqual({ problem: 'arguments' });
  });

  it('when a cron tick and a workflow retry cannot be told apart', async () => {
    run = new Run({ cronSchedule: '* * * * *', retryPolicy: {} });
    expect(await run.call([1], ok)).toEqual({ problem: 'cron-with-retry' });
  });
});

it('interceptors that are registered twice count a call once', async () => {
  const headers = { [headerName]: writeHeader({ id: 'outer' }) };
  expect(await run.call([1], ok, { headers })).toEqual({ id: 'outer' });
  expect((await run.call([1], ok))?.id).toMatch(/\/1:1$/);
});

// Mutation: any header of that name taken for one's own. Children would share the scope of their parent.
it('a start header that an interceptor copies onto calls is not taken for a call', async () => {
  const headers = { [headerName]: { ...writeHeader({ scope: 'child-1' }) } };
  const alone = await run.call([1], fails);
  expect(await run.call([1], ok, { headers })).toMatchObject({ id: alone?.id });
});

// Mutation: an identity by `execute` alone. The SDK runs the handlers of the first signals before it.
it('a call that a handler makes before the workflow begins has the scope of its start header', async () => {
  info = { ...started, runId: 'second', continuedFromExecutionRunId: 'run' };
  const { internals, outbound } = interceptors();
  const startHeaders = { [headerName]: writeHeader({ scope: 'run~2', from: 'run' }) };
  const jobs = [{ initializeWorkflow: { headers: startHeaders } }, { signalWorkflow: {} }];
  let id: string | undefined;
  internals?.[0]?.activate?.({ activation: { jobs }, batchIndex: 0 }, () => {
    const input = { activityType: 'charge', args: [1], headers: {}, options: {}, seq: 1 };
    void outbound?.[0]?.scheduleActivity?.(input, async ({ headers }) => {
      id = read(headers)?.id;
    });
  });
  expect(id).toMatch(/^5:run~2\//);
});

describe('a bundle without the interceptors', () => {
  const load = (): { withRequestId: typeof withRequestId } => {
    let loaded: { withRequestId: typeof withRequestId } | undefined;
    jest.isolateModules(() => {
      loaded = jest.requireActual('../../src/temporal/workflow/call-context');
    });
    if (!loaded) throw new Error('not loaded');
    return loaded;
  };

  // Mutation: an explicit id that nobody sees would be no id at all.
  it('runs nothing under an explicit id, and fails the task, so that it goes on once it has them', async () => {
    const fn = jest.fn(ok);
    expect(() => load().withRequestId('invoice:42', fn)).toThrow(/GuardNotInstalled/);
    expect(fn).not.toHaveBeenCalled();
  });

  it('still replays what history holds', async () => {
    isReplaying = true;
    expect(await load().withRequestId('invoice:42', ok)).toBe('ok');
  });
});
