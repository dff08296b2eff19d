/** Whom `wakeWaiting` wakes; `test/e2e/history-evidence.test.ts` asks a server. */
import { defaultPayloadConverter } from '@temporalio/common';

import type { Receipt } from '../../src/core';
import { hashRequestId } from '../../src/ids';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { wakeWaiting } from '../../src/temporal/client';
import { requestFor } from '../contract/rows';
import { FakeClock } from '../support/fake-clock';
import { clientOf, MadeRun } from '../support/made-histories';

const origin = { temporalNamespace: 'default', workflowId: 'order', runId: 'run-1', activityId: '1' };

const receiptOf = async (policy: Receipt['policy'] = 'hold', more: object = {}): Promise<Receipt> =>
  new MemoryReceipts(new MemoryDatabase(new FakeClock())).claim(
    requestFor('order:1', { policy, origin: { ...origin, ...more } }),
  );

const inMs = (ms: number) => ({ seconds: Math.ceil((Date.now() + ms) / 1000) });
const backingOff = (more: object = {}) => ({
  ...{ activityId: '1', state: 1, attempt: 2, paused: false, nextAttemptScheduleTime: inMs(40_000) },
  ...more,
});
/** The guard's failure of a call. */
const heldFor = (requestId: string, type = 'OutcomeUnknown') => ({
  lastFailure: {
    applicationFailureInfo: {
      type,
      details: { payloads: [defaultPayloadConverter.toPayload({ requestId })] },
    },
  },
});

function runOf(pending: readonly object[], runId = 'run-1', isOpen = true): MadeRun {
  const run = new MadeRun('order', runId);
  run.pending = pending as never;
  run.isOpen = isOpen;
  return run;
}

const wake = async (runs: readonly MadeRun[], receipt?: Receipt, update?: () => Promise<unknown>) => {
  const { client, asked } = clientOf(runs, 3, update);
  const woken = await wakeWaiting(client, receipt ?? (await receiptOf()));
  return { woken, asked: asked.filter((what) => what !== 'describe') };
};

describe('an activity in back-off', () => {
  it('is retried at once, and stays paused if somebody pauses it meanwhile', async () => {
    expect(await wake([runOf([backingOff()])])).toEqual({ woken: 'activity', asked: ['reset run-1/1'] });
  });

  // A first attempt after a reset fails as attempt 1, and waits as attempt 2; a reset while it waits makes it 1.
  it('is so whatever its attempt is called', async () => {
    const again = backingOff({ attempt: 1, ...heldFor('order:1') });
    expect((await wake([runOf([again])])).woken).toBe('activity');
  });

  // Mutations: each of these reset.
  it.each([
    ['that runs', { state: 2, nextAttemptScheduleTime: null }, 'none'],
    ['that runs, with a time for its next attempt', { state: 2 }, 'none'],
    ['that waits for a worker', { nextAttemptScheduleTime: null }, 'none'],
    ['whose first attempt is delayed', { attempt: 1 }, 'none'],
    ['that is paused', { state: 4, paused: true }, 'none'],
    ['that is paused, as older servers say it', { paused: true }, 'none'],
    ['that is another one', { activityId: '2' }, 'none'],
    ['that is retried now by itself', { nextAttemptScheduleTime: inMs(-500) }, 'activity'],
  ])('%s is left alone', async (_what, more, woken) => {
    expect(await wake([runOf([backingOff(more)])])).toEqual({ woken, asked: [] });
  });

  it('that seems long overdue is retried: the clocks differ', async () => {
    const overdue = backingOff({ nextAttemptScheduleTime: inMs(-60_000) });
    expect((await wake([runOf([overdue])])).asked).toEqual(['reset run-1/1']);
  });

  it.each(['order:1', 'order:1~g2', `sha256:${hashRequestId('order:1')}`])(
    'of a later run is known by the id that its failure names: %s',
    async (id) => {
      const later = [
        backingOff(heldFor('order:2')),
        backingOff({ activityId: '5', ...heldFor(id) }),
        backingOff({ activityId: '6', ...heldFor(id, 'Other') }),
      ];
      const runs = [runOf([], 'run-1', false), runOf(later, 'run-2')];
      expect(await wake(runs)).toEqual({ woken: 'activity', asked: ['reset run-2/5'] });
    },
  );

  // Mutation: ids of activities compared across runs. They count the calls of their run.
  it('of a later run is not known by its own id', async () => {
    const runs = [runOf([], 'run-1', false), runOf([backingOff()], 'run-2')];
    expect(await wake(runs)).toEqual({ woken: 'none', asked: [] });
  });
});

describe('a workflow that waits for a decision', () => {
  it('is told to look again, whichever of its runs it is', async () => {
    const runs = [runOf([], 'run-1', false), runOf([], 'run-2')];
    expect(await wake(runs, await receiptOf('ask'), async () => 'done')).toEqual({
      ...{ woken: 'workflow', asked: ['update current resolveOutcome [{"requestId":"order:1"}]'] },
    });
  });

  it('may wait as an activity, where another caller is stricter', async () => {
    const { woken, asked } = await wake([runOf([backingOff()])], await receiptOf('ask'));
    expect([woken, asked.at(-1)]).toEqual(['activity', 'reset run-1/1']);
  });

  it('that cannot be reached is an error', async () => {
    const away = async (): Promise<never> => Promise.reject(new Error('14 UNAVAILABLE'));
    await expect(wake([runOf([])], await receiptOf('ask'), away)).rejects.toThrow('UNAVAILABLE');
  });
});

describe('nobody is woken', () => {
  it.each<[string, Receipt['policy'], object]>([
    ['for a workflow that is gone', 'hold', { workflowId: 'gone' }],
    ['for one that is gone, and was to be asked', 'ask', { workflowId: 'gone' }],
    ['without a workflow', 'hold', { workflowId: '' }],
    ['in another namespace', 'hold', { temporalNamespace: 'other' }],
  ])('%s', async (_what, policy, more) => {
    expect((await wake([runOf([backingOff()])], await receiptOf(policy, more))).woken).toBe('none');
  });
});
