import { randomUUID } from 'node:crypto';

import { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';

import { committed, notCommitted, undetermined } from 'activity-guard';
import { currentClaim, guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { callAgain, cancelNow, type Calls } from '../fixtures/observing-workflows';
import { hasSeen } from '../support/has-seen';
import { deferred, until } from '../support/waiting';
import { logged, WorkerHere, type Starter } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/observing-workflows');
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let here: WorkerHere;
let plain: Partial<WorkerOptions>;
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  plain = {
    plugins: [new ActivityGuardPlugin({ receipts: here.receipts })],
    maxHeartbeatThrottleInterval: '50ms',
    defaultHeartbeatThrottleInterval: '50ms',
  };
});
afterAll(() => here.stop());

const observe = (activities: object, calls: Calls) =>
  here.running({ ...plain, activities }, (run) => run('observe', calls));

const stateOf = async (id: string) => (await here.receipt(id))?.state;

describe('a local activity', () => {
  // Mutation: guarding only remote activities makes three effects here.
  it('has its effect once, and its result each time, remote or local', async () => {
    let effects = 0;
    const give = guarded(async () => ({ effect: ++effects, bytes: null }));
    const text = '{effect: 1, bytes: null}';
    expect(await observe({ give }, { name: 'give', id: 'local', local: true, times: 3 })).toEqual([
      text,
      text,
      text,
    ]);
    expect(await observe({ give }, { name: 'give', id: 'local', times: 1 })).toEqual([text]);
  });

  // Mutation: releasing the claim after a throw makes a second effect here.
  it.each([
    ['within the local threshold', '10s'],
    ['past the local threshold, by a timer of the workflow', '1ms'],
  ])('retried %s is found out by its probe and not run again', async (name, localRetryThreshold) => {
    let effects = 0;
    const probe = () => committed('seen at the provider');
    const charge = guarded({ onUnknown: probe }, async (): Promise<string> => {
      effects++;
      throw new Error('socket hang up');
    });
    const id = `local retry ${name}`;
    const options = { localRetryThreshold };
    const seen = await observe({ charge }, { name: 'charge', id, local: true, options });
    expect([seen, effects]).toEqual([['"seen at the provider"', '"seen at the provider"'], 1]);
    expect(await here.receipt(id)).toMatchObject({ state: 'committed', epoch: 1 });
  });

  it('whose outcome is unknown is not run again, however often it is retried', async () => {
    let effects = 0;
    const charge = guarded(async () => {
      effects++;
      throw new Error('socket hang up');
    });
    const options = { retry: { maximumAttempts: 2, initialInterval: '10ms' } } as const;
    const seen = await observe(
      { charge },
      { name: 'charge', id: 'local held', local: true, options, times: 2 },
    );
    for (const failure of seen)
      expect((failure as string[])[0]).toMatch(/^ApplicationFailure OutcomeUnknown/);
    expect([effects, await stateOf('local held')]).toEqual([1, 'unknown']);
  });
});

describe('a standalone activity, started by a client', () => {
  const execute = (
    activities: Record<string, () => Promise<unknown>>,
    ...ids: string[]
  ): Promise<unknown[]> => {
    const taskQueue = randomUUID();
    const [name = ''] = Object.keys(activities);
    const options = { taskQueue, startToCloseTimeout: '5s', scheduleToCloseTimeout: '20s' } as const;
    return here.withWorker(taskQueue, { ...plain, activities }, (worker) =>
      worker.runUntil(async () => {
        const results: unknown[] = [];
        for (const id of ids)
          results.push(await here.stack.env.client.activity.execute(name, { id, ...options }));
        return results;
      }),
    );
  };

  it('has its effect once in all of its attempts; the same id started again is another intent, as is said', async () => {
    let effects = 0;
    const asked: string[] = [];
    const charge = guarded(
      { onUnknown: ({ requestId }) => (asked.push(requestId), committed(`charge ${effects}`)) },
      async (): Promise<string> => {
        effects++;
        throw new Error('socket hang up');
      },
    );
    logged.length = 0;
    expect(await execute({ charge }, 'invoice 42', 'invoice 42')).toEqual(['charge 1', 'charge 2']);
    expect([effects, new Set(asked).size]).toEqual([2, 2]);
    expect(logged.filter((line) => line.includes('started by a client'))).toHaveLength(1);
  });

  it('has one effect for one explicit id, however often it is started', async () => {
    let effects = 0;
    const charge = guarded({ requestId: () => 'invoice:43' }, async () => `charge ${++effects}`);
    expect(await execute({ charge }, 'one', 'one', 'two')).toEqual(['charge 1', 'charge 1', 'charge 1']);
  });
});

describe('heartbeats', () => {
  // Mutation: a heartbeat() of the guard's own while it waits wipes the details and fails here.
  it("keep the details of the attempt that ran, while later attempts wait for its outcome's resolution", async () => {
    const details: unknown[] = [];
    let asked = 0;
    const probe = () => (asked++ === 0 ? undetermined() : notCommitted());
    const times = { leaseFor: 500, graceFor: 50, waitFor: 100 };
    const work = guarded({ ...times, onUnknown: probe }, async () => {
      const { info, heartbeat } = Context.current();
      details.push(info.heartbeatDetails);
      if (details.length > 1) return 'done';
      heartbeat({ progress: 3 });
      await sleep(150);
      throw new Error('cut off');
    });
    const options = { heartbeatTimeout: '5s' };
    const seen = await observe({ work }, { name: 'work', id: 'beats', options, times: 1 });
    expect([seen, details]).toEqual([['"done"'], [undefined, { progress: 3 }]]);
    expect(asked).toBeGreaterThan(1);
  });

  // Mutation: no bound by the heartbeat time-out ends the second attempt as a heartbeat time-out, and fails here.
  it('are not missed by a call that waits for another holder', async () => {
    const { promise: end, resolve: finish } = deferred();
    const work = guarded({ waitFor: '10s', leaseFor: '1s' }, async () => {
      const { heartbeat } = Context.current();
      const beat = setInterval(heartbeat, 100);
      await end.finally(() => clearInterval(beat));
      return 'done';
    });
    const history = await here.running({ ...plain, activities: { work } }, async (_run, start) => {
      const holder = await start('observe', { name: 'work', id: 'awaited', times: 1 });
      await until(async () => (await stateOf('awaited')) === 'claimed');
      const options = { heartbeatTimeout: '3s', retry: { maximumAttempts: 10 } };
      const waiting = await start('observe', { name: 'work', id: 'awaited', times: 1, options });
      const pending = async () => (await waiting.describe()).raw.pendingActivities?.[0];
      await until(async () => ((await pending())?.attempt ?? 0) > 1);
      const failure = (await pending())?.lastFailure;
      finish();
      expect([await holder.result(), await waiting.result()]).toEqual([['"done"'], ['"done"']]);
      return failure;
    });
    expect(history).toMatchObject({ applicationFailureInfo: { type: 'InFlight' } });
  });
});

/** An effect that tells when it runs, goes on as `then` says, and hears of a cancellation by its heartbeats. */
function lingering(then: (cancelled: Promise<never>, end: Promise<void>) => Promise<unknown>) {
  const end = deferred();
  let effects = 0;
  const claims: AbortSignal[] = [];
  const work = async (): Promise<unknown> => {
    effects++;
    claims.push(currentClaim().signal);
    const { heartbeat, cancelled } = Context.current();
    const beat = setInterval(heartbeat, 50);
    return then(cancelled, end.promise).finally(() => clearInterval(beat));
  };
  return { work, end: end.resolve, effects: () => effects, signal: () => claims[0] };
}

describe('a cancelled call', () => {
  const cancelled = [[expect.stringMatching(/^CancelledFailure/)]] as unknown[];

  /** Cancels the call while its effect runs, and calls again once `settled`. */
  async function cancelAndCallAgain(
    start: Starter,
    id: string,
    type: 'TRY_CANCEL' | 'WAIT_CANCELLATION_COMPLETED' | 'ABANDON',
    meanwhile: () => Promise<void>,
  ): Promise<unknown> {
    const calls = { name: 'work', id, options: { heartbeatTimeout: '5s' } };
    const handle = await start('cancelAndCallAgain', calls, type);
    await until(async () => (await stateOf(id)) === 'claimed');
    await handle.signal(cancelNow);
    await until(() => hasSeen(handle, 'workflowExecutionSignaledEventAttributes'));
    await meanwhile();
    await handle.signal(callAgain);
    return handle.result();
  }

  // Mutation: marking a cancelled call's result unknown instead of settling it fails here.
  it.each([
    ['TRY_CANCEL', cancelled[0]],
    ['ABANDON', cancelled[0]],
    ['WAIT_CANCELLATION_COMPLETED', '"charged"'],
  ] as const)('whose effect completes anyway is committed, and replayed later (%s)', async (type, first) => {
    const effect = lingering(async (_cancelled, end) => (await end, 'charged'));
    const activities = { work: guarded(effect.work) };
    const seen = await here.running({ ...plain, activities }, (_run, start) =>
      cancelAndCallAgain(start, `completes ${type}`, type, async () => {
        if (type !== 'ABANDON') await until(() => effect.signal()?.aborted === true);
        effect.end();
        await until(async () => (await stateOf(`completes ${type}`)) === 'committed');
      }),
    );
    expect([seen, effect.effects()]).toEqual([[first, '"charged"'], 1]);
  });

  // Mutation: releasing (or committing) on a CancelledFailure runs it again (or loses the probe) and fails here.
  it.each(['TRY_CANCEL', 'WAIT_CANCELLATION_COMPLETED'] as const)(
    'whose effect is cut off is unknown, and resolved by its probe (%s)',
    async (type) => {
      const effect = lingering((cancellation) => cancellation);
      const probe = () => committed('seen at the provider');
      const activities = { work: guarded({ onUnknown: probe }, effect.work) };
      const id = `cut off ${type}`;
      const seen = await here.running({ ...plain, activities }, (_run, start) =>
        cancelAndCallAgain(start, id, type, async () => {
          await until(async () => (await stateOf(id)) === 'unknown');
          const [latest] = await here.receipts.list({ unresolved: true, limit: 1 });
          expect(latest?.key).toBe((await here.receipt(id))?.key);
        }),
      );
      expect([seen, effect.effects()]).toEqual([[...cancelled, '"seen at the provider"'], 1]);
      expect(await here.receipt(id)).toMatchObject({ state: 'committed', epoch: 1 });
    },
  );

  it('is not taken for undone when the effect itself throws a cancellation', async () => {
    let effects = 0;
    const work = guarded({ onUnknown: 'fail' }, async () => {
      effects++;
      throw new CancelledFailure('the provider cancelled something');
    });
    const seen = await observe({ work }, { name: 'work', id: 'its own' });
    for (const failure of seen)
      expect((failure as string[])[0]).toMatch(/^ApplicationFailure OutcomeUnknown!/);
    expect([effects, await stateOf('its own')]).toEqual([1, 'unknown']);
  });
});
