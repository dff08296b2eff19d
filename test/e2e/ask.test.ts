/** `onUnknown: 'ask'`: the workflow waits for a decision, whoever makes it and whatever becomes of its worker. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { Workflow, WorkflowHandle } from '@temporalio/client';
import { Worker, type WorkerOptions } from '@temporalio/worker';

import { guarded } from 'activity-guard/activity';
import { wakeWaiting } from 'activity-guard/client';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import {
  resolveOutcome,
  unresolvedOutcomes,
  type OutcomeDecision,
  type UnresolvedOutcome,
} from 'activity-guard/workflow-outcomes';
import {
  payBesideTimer,
  payLocally,
  payOnce,
  payTogether,
  payTwice,
  payUntilCancelled,
  payWithReceipt,
  undoTwice,
} from '../fixtures/asking-workflows';
import { hashOfWrittenId, receiptKey } from '../../src/ids';
import { logged, WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/asking-workflows');
const attribute = 'UnresolvedOutcomes';

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  const { connection } = here.stack.env.client;
  await connection.operatorService.addSearchAttributes({
    namespace: here.stack.temporalNamespace,
    searchAttributes: { [attribute]: 7 }, // a KeywordList
  });
});
afterAll(() => here.stop());

const effects: string[] = [];
const count = (order: string): number => effects.filter((effect) => effect === order).length;
/** How many of an order's attempts end without telling what became of the effect. */
const lost = new Map<string, number>();
const orderThatIsLost = (times = 1): string => {
  const order = randomUUID();
  lost.set(order, times);
  return order;
};

const times = { leaseFor: 500, graceFor: 100 } as const;
async function pay(order: string): Promise<string> {
  effects.push(order);
  const left = lost.get(order) ?? 0;
  lost.set(order, left - 1);
  if (left > 0) throw new Error('socket hang up');
  return `receipt of ${order}`;
}
const activities = {
  pay: guarded({ ...times, onUnknown: 'ask' }, pay),
  refund: guarded(async (order: string): Promise<string> => {
    effects.push(`refund ${order}`);
    return randomUUID();
  }),
};

const plugins = (): WorkerOptions['plugins'] => [
  new ActivityGuardPlugin({ receipts: here.receipts, unresolvedAttribute: attribute }),
];

type Start = <W extends Workflow>(workflow: W, ...args: Parameters<W>) => Promise<WorkflowHandle<W>>;

const starter =
  (taskQueue: string): Start =>
  (workflow, ...args) =>
    here.stack.env.client.workflow.start(workflow, {
      args,
      taskQueue,
      workflowId: randomUUID(),
      workflowExecutionTimeout: '50s',
    } as never);

const withWorker = <T>(
  work: (start: Start) => Promise<T>,
  more: Partial<WorkerOptions> = {},
  taskQueue = randomUUID(),
): Promise<T> =>
  here.withWorker(taskQueue, { activities, plugins: plugins() ?? [], ...more }, (worker) =>
    worker.runUntil(work(starter(taskQueue))),
  );

/** Asks until the workflow waits for something that fits. */
async function waiting(
  handle: WorkflowHandle,
  fits = (_: UnresolvedOutcome): boolean => true,
): Promise<UnresolvedOutcome> {
  for (let tries = 0; tries < 200; tries++) {
    const found = (await handle.query(unresolvedOutcomes)).find((one) => !one.accepted && fits(one));
    if (found) return found;
    await delay(50);
  }
  throw new Error('the workflow does not wait');
}

const decide = (handle: WorkflowHandle, decision: OutcomeDecision) =>
  handle.executeUpdate(resolveOutcome, { args: [decision] });

/** Why an update was refused. */
const refusal = (update: Promise<unknown>): Promise<string> =>
  update.then(
    () => 'accepted',
    (error: Error) => String((error.cause as Error | undefined)?.message),
  );

const receiptOf = async (requestId: string) =>
  here.receipts.get(receiptKey(here.receipts.namespace, hashOfWrittenId(requestId)));

async function replay({ workflowId }: WorkflowHandle): Promise<void> {
  const history = await here.stack.env.client.workflow.getHandle(workflowId).fetchHistory();
  await Worker.runReplayHistory({ workflowBundle: here.workflowBundle }, history);
}

/** After it, a "no" counts. */
const untilNoCounts = (): Promise<void> => delay(1000);

describe('a workflow whose outcome is unknown', () => {
  // Mutations: no waiting; a decision that is not written down; a result that is not the one decided.
  it('waits, and gets exactly the result that was decided', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const asked = await waiting(handle);
      expect(asked).toMatchObject({ activityType: 'pay', epoch: 1 });
      expect(Date.now() - Date.parse(asked.since)).toBeLessThan(30_000);
      const { requestId, epoch } = asked;
      const result = { charge: 'ch_1', amount: 7 };
      const decision = { requestId, epoch, verdict: 'committed', result, by: 'ann', reason: 'seen' } as const;
      expect(await decide(handle, decision)).toEqual({ requestId, epoch, verdict: 'committed' });
      expect(await handle.result()).toEqual(result);
      expect(await handle.query(unresolvedOutcomes)).toEqual([]);
      const found = await receiptOf(requestId);
      expect(found?.receipt.state).toBe('committed');
      expect(found?.evidence).toMatchObject([
        { source: 'operator', verdict: 'committed', by: 'ann', note: 'seen' },
      ]);
      await replay(handle);
    });
    expect(count(order)).toBe(1);
  });

  it('gets no result where none was decided, and nothing runs', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId } = await waiting(handle);
      await decide(handle, { requestId, verdict: 'committed' });
      const error = (await handle.result().catch((thrown: unknown) => thrown)) as Error;
      expect(error.cause).toMatchObject({ cause: { type: 'ResultUnavailable' } });
    });
    expect(count(order)).toBe(1);
  });

  // Mutation: another id for the call that is made again.
  it('runs again under the same id after a "no", and an equal call later is another intent', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payTwice, order);
      const { requestId } = await waiting(handle);
      await untilNoCounts();
      await decide(handle, { requestId, verdict: 'not-committed' });
      expect(await handle.result()).toEqual([`receipt of ${order}`, `receipt of ${order}`]);
      expect((await receiptOf(requestId))?.receipt).toMatchObject({ state: 'committed', epoch: 2 });
      const second = requestId.replace(/1:1$/, '1:2');
      expect((await receiptOf(second))?.receipt).toMatchObject({ state: 'committed', epoch: 1 });
      await replay(handle);
    });
    expect(count(order)).toBe(3); // the lost one, the one that ran again, the other intent
  });

  // Mutation: a "no" that counts although it was said when the effect could still arrive.
  it('asks again where the "no" came too early, and says why', async () => {
    const order = orderThatIsLost();
    const slow = guarded({ leaseFor: 500, graceFor: 2500, onUnknown: 'ask' }, pay);
    await withWorker(
      async (start) => {
        const handle = await start(payOnce, order);
        const { requestId } = await waiting(handle);
        await decide(handle, { requestId, verdict: 'not-committed' });
        const { refused } = await waiting(handle, (one) => one.refused !== undefined);
        expect(refused).toMatch(/ask the provider again in [1-3] s/);
        expect((await receiptOf(requestId))?.evidence).toEqual([]);
        await delay(3000);
        await decide(handle, { requestId, verdict: 'not-committed' });
        expect(await handle.result()).toBe(`receipt of ${order}`);
        await replay(handle);
      },
      { activities: { ...activities, pay: slow } },
    );
    expect(count(order)).toBe(2);
  });

  it('looks again where somebody has resolved the receipt elsewhere', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId, epoch } = await waiting(handle);
      const outcome = { format: 'json', bytes: new TextEncoder().encode('"found"') };
      const key = receiptKey(here.receipts.namespace, hashOfWrittenId(requestId));
      await here.receipts.resolve({ key, epoch, verdict: 'committed', source: 'operator', outcome });
      const found = await receiptOf(requestId);
      expect(found && (await wakeWaiting(here.stack.env.client, found.receipt))).toBe('workflow');
      expect(await handle.result()).toBe('found');
    });
    expect(count(order)).toBe(1);
  });

  it('asks again, of the next epoch, where the outcome of the next attempt is unknown, too', async () => {
    const order = orderThatIsLost(2);
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId } = await waiting(handle);
      await untilNoCounts();
      await decide(handle, { requestId, epoch: 1, verdict: 'not-committed' });
      await waiting(handle, ({ epoch }) => epoch === 2);
      expect(await refusal(decide(handle, { requestId, epoch: 1, verdict: 'committed' }))).toMatch(/epoch 2/);
      await decide(handle, { requestId, epoch: 2, verdict: 'committed', result: 'second' });
      expect(await handle.result()).toBe('second');
      await replay(handle);
    });
    expect(count(order)).toBe(2);
  });

  it('by a local activity waits, too', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payLocally, order);
      const { requestId } = await waiting(handle);
      await decide(handle, { requestId, verdict: 'committed', result: 'here' });
      expect(await handle.result()).toBe('here');
      await replay(handle);
    });
    expect(count(order)).toBe(1);
  });

  it('in two calls of one intent is decided once for both', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payTogether, order);
      const { requestId } = await waiting(handle);
      await delay(1000); // both wait
      expect(await handle.query(unresolvedOutcomes)).toHaveLength(1);
      await decide(handle, { requestId, verdict: 'committed', result: 'both' });
      expect(await handle.result()).toEqual(['both', 'both']);
      await replay(handle);
    });
    expect(count(order)).toBe(1);
  });
});

describe('a decision', () => {
  it('is refused where nobody waits for it, where it is none, and for another epoch', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId } = await waiting(handle);
      const refusals = await Promise.all(
        [
          { requestId: 'another', verdict: 'committed' },
          { requestId, verdict: 'perhaps' },
          { requestId, verdict: 'committed', epoch: 7 },
          'text',
        ].map((decision) => refusal(decide(handle, decision as never))),
      );
      expect(refusals).toEqual([
        expect.stringMatching(/does not wait/),
        expect.stringMatching(/the verdict is one of/),
        expect.stringMatching(/epoch 1/),
        expect.stringMatching(/one argument/),
      ]);
      await decide(handle, { requestId, verdict: 'committed', result: 'ok' });
      expect(await handle.result()).toBe('ok');
    });
  });

  // Mutation: the last one wins, or both do.
  it('of two that come at once is accepted once', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId } = await waiting(handle);
      const answers = await Promise.all(
        ['a', 'b', 'c'].map(async (result) => ({
          result,
          answer: await refusal(decide(handle, { requestId, verdict: 'committed', result })),
        })),
      );
      const accepted = answers.filter(({ answer }) => answer === 'accepted');
      expect(accepted).toHaveLength(1);
      expect(await handle.result()).toBe(accepted[0]?.result);
      await replay(handle);
    });
    expect(count(order)).toBe(1);
  });
});

describe('a workflow that waits', () => {
  it('can be cancelled, and the receipt stays unknown', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payUntilCancelled, order);
      const { requestId } = await waiting(handle);
      await handle.cancel();
      expect(await handle.result()).toBe('cancelled');
      expect(await handle.query(unresolvedOutcomes)).toEqual([]);
      expect((await receiptOf(requestId))?.receipt.state).toBe('unknown');
      await replay(handle);
    });
  });

  it('goes on on another worker', async () => {
    const order = orderThatIsLost();
    const taskQueue = randomUUID();
    const handle = await withWorker(
      async (start) => {
        const started = await start(payOnce, order);
        await waiting(started);
        return started;
      },
      {},
      taskQueue,
    );
    await withWorker(
      async () => {
        const { requestId } = await waiting(handle);
        await decide(handle, { requestId, verdict: 'committed', result: 'later' });
        expect(await handle.result()).toBe('later');
      },
      {},
      taskQueue,
    );
    expect(count(order)).toBe(1);
    await replay(handle);
  });

  it('shows it in the search attribute, and no longer when it goes on', async () => {
    const order = orderThatIsLost();
    await withWorker(async (start) => {
      const handle = await start(payOnce, order);
      const { requestId } = await waiting(handle);
      const shown = async () => (await handle.describe()).searchAttributes[attribute];
      for (let tries = 0; tries < 100 && !(await shown()); tries++) await delay(50);
      expect(await shown()).toEqual(['pay']);
      await decide(handle, { requestId, verdict: 'committed', result: 1 });
      await handle.result();
      for (let tries = 0; tries < 100 && (await shown()); tries++) await delay(50);
      expect(await shown()).toBeUndefined();
      await replay(handle);
    });
  });

  // Mutation: an attribute that the namespace has not got, which fails the workflow's task for ever.
  it('shows nothing in an attribute that the namespace has not got, and the worker says so', async () => {
    const order = orderThatIsLost();
    const { receipts } = here;
    const missing = [new ActivityGuardPlugin({ receipts, unresolvedAttribute: 'NotThere' })];
    await withWorker(
      async (start) => {
        const handle = await start(payOnce, order);
        const { requestId } = await waiting(handle);
        await decide(handle, { requestId, verdict: 'committed', result: 1 });
        await handle.result();
      },
      { plugins: missing },
    );
    expect(logged.filter((line) => line.includes('search attribute NotThere'))).toHaveLength(1);
  });
});

describe('a workflow that is asked nothing', () => {
  // Mutation: a promise of our own. What ended first in a task would no longer go on first.
  it('replays with and without the interceptors, also where a call and a timer end in one task', async () => {
    const taskQueue = randomUUID();
    const bare = await here.bareBundle(workflowsPath);
    const handle = await starter(taskQueue)(payBesideTimer, randomUUID());
    let paying: () => void = () => undefined;
    const started = new Promise<void>((resolve) => (paying = resolve));
    const slow = guarded(async () => {
      paying();
      await delay(500);
    });
    const more = { activities: { ...activities, pay: slow } };
    await withWorker(() => started, more, taskQueue);
    await delay(2500); // nobody is there: the call ends, and the timer fires after it
    await withWorker(
      async () => {
        await handle.signal('goOn');
        expect(await handle.result()).toEqual(['paid', 'slept']);
      },
      more,
      taskQueue,
    );
    const history = await handle.fetchHistory();
    await Worker.runReplayHistory({ workflowBundle: here.workflowBundle }, history);
    await Worker.runReplayHistory({ workflowBundle: bare }, history);
  });
});

describe('an undo', () => {
  // Mutations: an id that is not the receipt's; an undo that says nothing of what it undoes.
  it('happens once for each receipt, whoever asks for it, and names what it undoes', async () => {
    const order = randomUUID();
    await withWorker(async (start) => {
      const { result, receipt } = await (await start(payWithReceipt, order)).result();
      expect([result, receipt.activityType]).toEqual([`receipt of ${order}`, 'pay']);
      const undos = await Promise.all([start(undoTwice, receipt, order), start(undoTwice, receipt, order)]);
      const results = await Promise.all(undos.map((handle) => handle.result()));
      expect(new Set(results.flat()).size).toBe(1);
      const rows = await here.receipts.list({ workflowId: undos[0]?.workflowId ?? '' });
      const others = await here.receipts.list({ workflowId: undos[1]?.workflowId ?? '' });
      expect([...rows, ...others].map(({ action, origin }) => [action, origin['undoes']])).toEqual([
        ['refund', hashOfWrittenId(receipt.requestId)],
      ]);
      for (const handle of undos) await replay(handle);
    });
    expect(count(`refund ${order}`)).toBe(1);
  });

  it('of something that is no receipt is refused', async () => {
    await withWorker(async (start) => {
      const handle = await start(undoTwice, { charge: 'ch_1' } as never, 'order');
      const error = (await handle.result().catch((thrown: unknown) => thrown)) as Error;
      expect(error.cause).toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
    });
  });
});
