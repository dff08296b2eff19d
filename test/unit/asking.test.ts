/** The outcomes interceptors as the SDK calls them, without a sandbox: who waits for what, and what is called again. */
import { AsyncLocalStorage } from 'node:async_hooks';

type Handler = (...args: unknown[]) => unknown;

let handlers: Record<string, { handler: Handler; validator?: Handler }> = {};
let upserts: unknown[] = [];
let isCancelled = false;
/** What a workflow of an earlier test still waits for never comes. */
let workflows = 0;
const never = (): Promise<never> => new Promise(() => undefined);
let schedule: (kind: string, ...call: unknown[]) => Promise<unknown>;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
jest.mock('@temporalio/workflow', () => ({
  ...jest.requireActual<object>('@temporalio/workflow'),
  AsyncLocalStorage,
  CancellationScope: {
    current: () => ({ consideredCancelled: false, cancellable: false }),
    nonCancellable: (fn: () => unknown) => fn(),
  },
  condition: async (fn: () => boolean) => {
    for (const mine = workflows; ; await turn()) {
      if (mine !== workflows) return never();
      if (fn()) return undefined;
      if (isCancelled) throw new Error('cancelled');
    }
  },
  scheduleActivity: (...call: unknown[]) => schedule('scheduleActivity', ...call),
  scheduleLocalActivity: (...call: unknown[]) => schedule('scheduleLocalActivity', ...call),
  setHandler: ({ name }: { name: string }, handler: Handler, { validator }: { validator?: Handler } = {}) =>
    (handlers[name] = { handler, ...(validator && { validator }) }),
  upsertSearchAttributes: (pairs: unknown[]) => upserts.push(...pairs),
  workflowInfo: () => ({
    ...{ attempt: 1, firstExecutionRunId: 'run', originalExecutionRunId: 'run', runId: 'run' },
    ...{ startTime: new Date(7), unsafe: { isReplaying: false } },
  }),
}));

// After the mock: this is compiled to `require` where it stands.
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import type { ActivityInput, WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';

import { hashOfWrittenId, hashRequestId } from '../../src/ids';
import { resolveActivity, type AskDetail, type ResolveRequest } from '../../src/temporal/decisions';
import { readHeader } from '../../src/temporal/header';
import { withRequestId } from '../../src/temporal/workflow/call-context';
import { interceptors as identity } from '../../src/temporal/workflow/interceptors';
import { compensate, interceptors as outcomes, withReceipt } from '../../src/temporal/workflow/outcomes';
import type { UnresolvedOutcome } from '../../src/temporal/workflow/outcomes';

type Header = Partial<{ id: string; idHash: string; since: number; undoes: string }>;
interface Sent extends ActivityInput {
  readonly kind: string;
  readonly header: Header | undefined;
}

/** What reached the server, and how it answers: each call takes the next answer, the last one stays. */
let sent: Sent[] = [];
let answers: (() => unknown)[] = [];
let resolved: unknown = { state: 'committed' };
/** What an interceptor of the user's does, before those of the guard. */
let outer: (input: ActivityInput) => ActivityInput = (input) => input;

const failed = (cause: Error): never => {
  throw new ActivityFailure('activity failed', 'pay', '1', 'NON_RETRYABLE_FAILURE', 'worker', cause);
};
const unknown = (details: unknown, cause?: Error): ApplicationFailure =>
  ApplicationFailure.create({
    ...{ message: 'unknown', type: 'OutcomeUnknown', nonRetryable: true, details: [details] },
    ...(cause && { cause }),
  });
const asks =
  (ask: Partial<AskDetail> = {}, requestId = 'id'): (() => never) =>
  () =>
    failed(unknown({ requestId, ask: { epoch: 1, ...ask } }));

function startWorkflow(): void {
  [handlers, upserts, sent, answers, isCancelled] = [{}, [], [], [], false];
  resolved = { state: 'committed' };
  outer = (input) => input;
  const modules = [identity(), outcomes()];
  for (const { inbound } of modules)
    void inbound?.[0]?.execute?.({ headers: {}, args: [] }, async () => undefined);
  let seq = 0;
  const mine = ++workflows;
  schedule = (kind, activityType, args, options, typeInfo) => {
    const server = async (input: ActivityInput): Promise<unknown> => {
      sent.push({ ...input, kind, header: readHeader<never>(input.headers) });
      await turn();
      if (mine !== workflows) return never();
      if (input.activityType === resolveActivity) return resolved;
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return answer?.();
    };
    const chain = modules
      .map(({ outbound }) => outbound?.[0] as WorkflowOutboundCallsInterceptor)
      .reduceRight(
        (next, one) => (input: ActivityInput) =>
          (one[kind as 'scheduleActivity'] as NonNullable<typeof one.scheduleActivity>)(input, next),
        server,
      );
    return chain(
      outer({
        ...({ activityType, args, options, typeInfo, headers: {}, seq: ++seq } as never as ActivityInput),
        ...({ attempt: 1 } as object),
      }),
    );
  };
}
beforeEach(startWorkflow);
afterAll(() => void workflows++);

const call = (args: unknown[] = [1], options: object = {}, kind = 'scheduleActivity'): Promise<unknown> =>
  schedule(kind, 'pay', args, options);
const list = (): UnresolvedOutcome[] => handlers['unresolvedOutcomes']?.handler() as UnresolvedOutcome[];
/** As the SDK does it: the handler runs only after the validator. */
function decide(decision: unknown): unknown {
  handlers['resolveOutcome']?.validator?.(decision);
  return handlers['resolveOutcome']?.handler(decision);
}
async function waiting(fits: (one: UnresolvedOutcome) => boolean = () => true): Promise<void> {
  for (let tries = 0; tries < 50 && !list().some(fits); tries++) await turn();
  expect(list().some(fits)).toBe(true);
}
const decisions = (): ResolveRequest[] =>
  sent
    .filter(({ activityType }) => activityType === resolveActivity)
    .map(({ args }) => args[0] as ResolveRequest);
const calls = (): Sent[] => sent.filter(({ activityType }) => activityType === 'pay');

describe('a failure that asks', () => {
  it.each(['scheduleActivity', 'scheduleLocalActivity'])(
    'by %s keeps the call open until it is decided, and then gives what the call gives again',
    async (kind) => {
      answers = [asks(), () => 'result'];
      const outcome = call([1], { taskQueue: 'there' }, kind);
      await waiting();
      expect(list()).toMatchObject([{ requestId: 'id', activityType: 'pay', epoch: 1 }]);
      expect(decide({ requestId: 'id', verdict: 'committed', result: 7, by: 'ann', reason: 'seen' })).toEqual(
        {
          ...{ requestId: 'id', epoch: 1, verdict: 'committed' },
        },
      );
      expect(list()).toMatchObject([{ accepted: 'committed' }]);
      expect(await outcome).toBe('result');
      expect(decisions()).toEqual([
        {
          requestId: 'id',
          epoch: 1,
          verdict: 'committed',
          by: 'ann',
          reason: 'seen',
          hasResult: true,
          result: 7,
        },
      ]);
      expect(sent.map((one) => one.kind)).toEqual([kind, kind, kind]);
      expect(sent[1]).toMatchObject({ options: { taskQueue: 'there' }, headers: {} });
      expect(list()).toEqual([]);
    },
  );

  // Mutations: another intent; an age that hides from the worker that the call has been made before.
  it('leads to the same call: same id, and known to have been made before', async () => {
    answers = [asks(), () => 'result'];
    const outcome = call();
    await waiting();
    decide({ requestId: 'id', verdict: 'not-committed' });
    await outcome;
    const [first, again] = calls().map(({ header }) => header);
    expect(again).toEqual({ ...first, since: expect.any(Number) as number });
    await call();
    expect(calls()[2]?.header?.id).toMatch(/1:2$/); // the next slot: the call made again took none
  });

  // Mutation: a second pass through interceptors that change the call.
  it('leads to the same call whatever interceptors before these make of it', async () => {
    outer = (input) => ({
      ...input,
      args: [...input.args, 'tenant'],
      options: { ...input.options, summary: 's' },
    });
    answers = [asks(), () => 'result'];
    const outcome = call();
    await waiting();
    decide({ requestId: 'id' });
    await outcome;
    expect(calls().map(({ args }) => args)).toEqual([
      [1, 'tenant'],
      [1, 'tenant'],
    ]);
    expect(decisions()).toEqual([]); // to look again writes nothing down
  });

  // Mutation: the guard's own activity as a second call of that id, which is refused.
  it('of a call with an explicit id is decided like any other', async () => {
    answers = [asks(), () => 'result'];
    const outcome = withRequestId('invoice', () => withReceipt(() => call()));
    await waiting();
    decide({ requestId: 'id', verdict: 'committed' });
    const idHash = hashRequestId('invoice');
    expect(await outcome).toMatchObject({ result: 'result', receipt: { requestId: `sha256:${idHash}` } });
    expect(calls().map(({ header }) => header?.idHash)).toEqual([idHash, idHash]);
    expect(decisions()).toMatchObject([{ hasResult: false }]);
  });

  it('again, after a decision that did not count, tells why', async () => {
    answers = [asks(), asks(), () => 'result'];
    resolved = { state: 'unknown', refused: 'too early' };
    const outcome = call();
    await waiting();
    decide({ requestId: 'id', verdict: 'not-committed' });
    await waiting(({ refused }) => refused === 'too early');
    decide({ requestId: 'id', verdict: 'committed' });
    expect(await outcome).toBe('result');
  });

  it.each([
    ['of another type', () => failed(ApplicationFailure.nonRetryable('no', 'Rejected'))],
    ['that asks nothing', () => failed(unknown({ requestId: 'id' }))],
    [
      'of something else, which is only its cause',
      () => failed(unknown({}, unknown({ requestId: 'id', ask: { epoch: 1 } }))),
    ],
    ['that is not the guard’s', () => failed(unknown('text'))],
  ])('is none %s: the workflow gets it', async (_what, answer) => {
    answers = [answer];
    await expect(call()).rejects.toThrow('activity failed');
    expect(list()).toEqual([]);
  });

  it('is asked no more when its scope is cancelled', async () => {
    answers = [asks({ attribute: { name: 'Unresolved', type: 'KEYWORD' } })];
    const outcome = call();
    await waiting();
    isCancelled = true;
    await expect(outcome).rejects.toThrow('cancelled');
    expect(list()).toEqual([]);
    expect(upserts).toHaveLength(2);
  });
});

describe('a decision', () => {
  beforeEach(async () => {
    answers = [asks()];
    void call();
    await waiting();
  });

  it.each([
    ['that is no object', 'text', /one argument/],
    ['without an id', { verdict: 'committed' }, /one argument/],
    ['of an id that nobody waits for', { requestId: 'other', verdict: 'committed' }, /does not wait/],
    ['of no known verdict', { requestId: 'id', verdict: 'rejected' }, /the verdict is one of/],
    ['of another epoch', { requestId: 'id', verdict: 'committed', epoch: 2 }, /epoch 1/],
  ])('%s is refused', (_what, decision, why) => {
    expect(() => handlers['resolveOutcome']?.validator?.(decision)).toThrow(why);
    expect(list()[0]).not.toHaveProperty('accepted');
  });

  // Mutation: the last one wins. A replay asks no validator, so the handler itself has to refuse.
  it('after the first one is refused, by the handler, too', () => {
    decide({ requestId: 'id', epoch: 1, verdict: 'committed' });
    const second = { requestId: 'id', verdict: 'not-committed' };
    expect(() => handlers['resolveOutcome']?.validator?.(second)).toThrow(/decided already: committed/);
    expect(() => handlers['resolveOutcome']?.handler(second)).toThrow(/decided already: committed/);
    expect(list()).toMatchObject([{ accepted: 'committed' }]);
  });

  it('is for every call that waits for that outcome', async () => {
    answers = [asks(), () => 'a', () => 'b'];
    const second = call([2]);
    await turn();
    await turn();
    expect(list()).toHaveLength(1);
    decide({ requestId: 'id', verdict: 'committed' });
    expect(await second).toMatch(/a|b/);
    expect(calls()).toHaveLength(4);
    expect(list()).toEqual([]);
  });

  // Mutation: calls that wait for an attempt which nobody asks about any more wait for ever.
  it('is not needed by calls that wait for an earlier attempt: they look again', async () => {
    answers = [asks({ epoch: 2 })];
    void call([2]);
    await waiting(({ epoch }) => epoch === 2);
    for (let i = 0; i < 20; i++) await turn();
    expect(calls()).toHaveLength(3);
    expect(list()).toMatchObject([{ epoch: 2 }]);
    expect(list()).toHaveLength(1);
  });
});

describe('the search attribute', () => {
  it.each([
    ['KEYWORD', 'pay'],
    ['KEYWORD_LIST', ['pay']],
  ] as const)('of type %s shows the activity while it waits, and is cleared after', async (type, shown) => {
    const key = { name: 'Unresolved', type };
    answers = [asks({ attribute: key }), asks({ epoch: 2, attribute: key }), () => 'result'];
    const outcome = call();
    await waiting();
    decide({ requestId: 'id', verdict: 'not-committed' });
    await waiting(({ epoch }) => epoch === 2);
    decide({ requestId: 'id', verdict: 'committed' });
    await outcome;
    expect(upserts).toEqual([
      { key, value: shown },
      { key, value: null },
    ]);
  });

  it('is left alone where the worker names none', async () => {
    answers = [asks(), () => 'result'];
    const outcome = call();
    await waiting();
    decide({ requestId: 'id', verdict: 'committed' });
    await outcome;
    expect(upserts).toEqual([]);
  });
});

describe('a receipt', () => {
  it('is that of the one call inside, also when it is made again', async () => {
    answers = [() => Promise.reject(new Error('timed out')), () => 'result'];
    const { result, receipt } = await withReceipt(async () => call().catch(() => call()));
    expect(result).toBe('result');
    expect(receipt).toEqual({ requestId: calls()[0]?.header?.id, activityType: 'pay' });
  });

  // Mutation: the receipt of the first of several. The others would never be undone.
  it('of two calls is refused before the second one is made', async () => {
    const two = withReceipt(async () => [await call([1]), await call([2])]);
    await expect(two).rejects.toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
    expect(calls()).toHaveLength(1);
  });

  it('of no call is refused', async () => {
    await expect(withReceipt(async () => 1)).rejects.toMatchObject({ type: 'InvalidRequest' });
  });
});

describe('an undo', () => {
  const undo = (receipt: unknown) => compensate(receipt as never, () => call());
  const requestId = '3:run/3:pay/32:080a9ed428559ef602668b4c00f114f1/1:1';

  // Mutations: an id that another undo has, too; a link that is not there.
  it('has one id for each receipt, however that is written, and says what it undoes', async () => {
    const undoes = hashOfWrittenId(requestId);
    await undo({ requestId });
    await undo({ requestId: `sha256:${undoes}` });
    await undo({ requestId: 'another' });
    const [first, second, third] = calls().map(({ header }) => header);
    expect(first).toMatchObject({ idHash: hashRequestId(`10:compensate/71:sha256:${undoes}`), undoes });
    expect(second?.idHash).toBe(first?.idHash);
    expect(third?.idHash).not.toBe(first?.idHash);
  });

  it.each([undefined, 'text', {}, { requestId: '' }, { requestId: 7 }])(
    'of %p is refused, and nothing is called',
    async (receipt) => {
      await expect(undo(receipt)).rejects.toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
      expect(calls()).toEqual([]);
    },
  );
});

describe('a bundle without the interceptors', () => {
  it.each(['withReceipt', 'compensate'] as const)(
    'fails the task at %s, so that it goes on once it has them',
    async (name) => {
      let loaded: typeof import('../../src/temporal/workflow/compensation') | undefined;
      jest.isolateModules(() => (loaded = jest.requireActual('../../src/temporal/workflow/compensation')));
      const fn = jest.fn();
      const run = name === 'withReceipt' ? loaded?.withReceipt(fn) : loaded?.compensate({} as never, fn);
      await expect(run).rejects.toThrow(/GuardNotInstalled/);
      expect(fn).not.toHaveBeenCalled();
    },
  );
});
