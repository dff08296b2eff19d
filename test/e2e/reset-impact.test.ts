/** What is predicted of a reset, held against what the server and the activities then do. */
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';

import type { ImpactedEffect, ResetImpact } from 'activity-guard/client';
import { eventsOf, hasSeen } from '../support/has-seen';
import { quiet } from '../support/quiet';
import { Resets } from '../support/resets';
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/reset-workflows');

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
});
afterAll(() => here.stop());

const runIdOf = (handle: object): string => (handle as { firstExecutionRunId: string }).firstExecutionRunId;

const lines = ({ effects }: ResetImpact): string[] =>
  effects.map(({ kind, activityType, step, state, fate }) =>
    [kind, activityType ?? '?', step, state ?? 'none', fate ?? '-']
      .filter((word) => word !== undefined)
      .join(' '),
  );

const reasonOf = ({ effects }: ResetImpact, test: (effect: ImpactedEffect) => boolean): string =>
  effects.find(test)?.reason ?? '';

/** The workflow task that has seen the first call end, once it is over. */
async function afterFirstEnd(resets: Resets, handle: WorkflowHandle): Promise<number> {
  let point = 0;
  await until(async () => {
    const [ended] = await eventsOf(handle, 'activityTaskCompletedEventAttributes');
    if (ended !== undefined) point = await resets.point(handle, { after: ended }).catch(() => 0);
    return point > 0;
  });
  return point;
}

describe('before a reset', () => {
  it('each kind of call is predicted as it then happens', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('everyKind', 'all');
      await handle.result();
      const [, second = 0] = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
      const { impact, predicted, happened } = await resets.compare(
        handle,
        runIdOf(handle),
        await resets.point(handle, { before: second }),
      );
      expect(happened).toEqual(predicted);
      expect(lines(impact)).toEqual([
        'activity charge committed kept',
        'activity charge committed replayed',
        'activity stamp none runs',
        'activity decline rejected rejected',
        'activity getLost unknown waits',
        'activity breakOff released runs',
        'activity sendInvoice committed replayed',
        'activity shipUnderOwnId committed replayed',
        'local-activity charge committed replayed',
        'local-activity stamp none runs',
        'activity checkOut none steps',
        'step checkOut charge committed replayed',
        'step checkOut mail committed replayed',
        'activity charge committed replayed',
      ]);
      expect(impact).toMatchObject({
        ...{ complete: true, notes: [], workflowType: 'everyKind' },
        totals: { kept: 1, replayed: 7, rejected: 1, waits: 1, refused: 0, steps: 1, runs: 3 },
      });
      expect(predicted.ran).toEqual(['breakOff', 'stamp', 'stamp']);
      expect(impact.notPredicted.join('\n')).toMatch(/a fresh uuid[^]*Local activities/);
      expect(JSON.parse(JSON.stringify(impact))).toEqual(impact);

      // And a second time, of the run that the first reset has made: local activities now stand in a new run.
      const again = await resets.client.workflow.getHandle(handle.workflowId).describe();
      const second2 = await resets.compare(handle, again.runId, impact.resetTo ?? 0);
      expect(second2.happened).toEqual(second2.predicted);
      expect(lines(second2.impact)).toEqual(lines(impact));
    });
  });

  it('a late point keeps what is before it', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('everyKind', 'late');
      await handle.result();
      const scheduled = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(handle, { before: scheduled.at(-1) ?? 0 });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(impact.totals).toMatchObject({ rejected: 0, waits: 0, runs: 1, steps: 1 }); // the local stamp is in that task
    });
  });

  it('what was pending at the point is dispatched again, as it was scheduled', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('sideBySide', 'pending');
      const point = await afterFirstEnd(resets, handle);
      resets.open();
      await handle.result();
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(lines(impact)).toEqual([
        'activity charge committed kept',
        'activity waitAndCharge committed replayed',
        'activity waitAndStamp none runs',
        'activity charge committed replayed',
      ]);
      expect(reasonOf(impact, ({ activityType }) => activityType === 'waitAndCharge')).toMatch(
        /pending at the point/,
      );
    });
  });

  it('while a call is in flight, it waits for it', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('sideBySide', 'in flight');
      await afterFirstEnd(resets, handle); // so its receipt is settled
      await resets.untilWaiting(2);
      const scheduled = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(handle, { before: scheduled[0] ?? 0 });
      const impact = await resets.predict(handle.workflowId, undefined, point);
      expect(lines(impact)).toEqual([
        'activity charge committed replayed',
        'activity waitAndCharge claimed waits',
        'activity waitAndStamp none runs',
      ]);
      expect(impact.notes).toEqual([expect.stringMatching(/The run is open: a reset terminates it/)]);
      const next = await resets.reset(handle.workflowId, runIdOf(handle), point);
      resets.open();
      await next.result();
      const names = resets.done.map(({ name }) => name).sort();
      // The unguarded one ran in both runs; the one in flight, in the first run only.
      expect(names).toEqual(['charge', 'charge', 'waitAndCharge', 'waitAndStamp', 'waitAndStamp']);
    });
  });

  it('without a header, an id does not survive', async () => {
    const bare = await bundleWorkflowCode({ workflowsPath, logger: quiet });
    await Resets.with(
      here,
      async (resets) => {
        const handle = await resets.start('besideChild', 'bare');
        resets.open();
        await handle.result();
        const [child = 0] = await eventsOf(handle, 'startChildWorkflowExecutionInitiatedEventAttributes');
        const point = await resets.point(handle, { before: child });
        const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
        expect(happened).toEqual(predicted);
        expect(lines(impact)[0]).toBe('activity charge committed kept');
        expect(impact.totals).toMatchObject({ kept: 1, replayed: 0, runs: 2 });
        expect(reasonOf(impact, ({ fate }) => fate === 'runs')).toMatch(/its id names the run/);
      },
      bare,
    );
  });

  it.each([
    ['started before the point and ended', 'after', true],
    ['started before the point and still open', 'after', false],
    ['started after the point and ended', 'before', true],
  ] as const)('a child workflow %s is predicted as it then happens', async (_name, where, ended) => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('besideChild', `child ${where} ${ended}`);
      if (ended) {
        resets.open();
        await handle.result();
      } else {
        await resets.untilDone(2);
        await resets.untilWaiting(1);
      }
      const [started = 0] = await eventsOf(handle, 'childWorkflowExecutionStartedEventAttributes');
      const point = await resets.point(handle, where === 'after' ? { after: started } : { before: started });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      const child = impact.effects.find(({ activityType }) => activityType === 'waitAndCharge');
      expect(child?.fate).toBe(where === 'after' ? 'kept' : 'replayed');
      if (ended) expect(happened).toEqual(predicted);
      else expect(resets.done.filter(({ name }) => name === 'waitAndCharge')).toHaveLength(1); // it went on
    });
  });

  it('an open child under an id of its own makes the new run fail, and that is said', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('besideChild', 'own', 'the-child-of-own');
      await resets.untilDone(2);
      await resets.untilWaiting(1);
      const [child = 0] = await eventsOf(handle, 'startChildWorkflowExecutionInitiatedEventAttributes');
      const point = await resets.point(handle, { before: child });
      const impact = await resets.predict(handle.workflowId, undefined, point);
      expect(impact.notes).toContainEqual(expect.stringMatching(/the-child-of-own is open.*AlreadyStarted/));
      expect(reasonOf(impact, ({ activityType }) => activityType === 'waitAndCharge')).toMatch(
        /its id is taken/,
      );
      const next = await resets.reset(handle.workflowId, runIdOf(handle), point);
      await expect(next.result()).rejects.toMatchObject({
        cause: { message: 'Workflow execution already started' },
      });
      resets.open();
      await resets.client.workflow.getHandle('the-child-of-own').result();
    });
  });

  it('the runs that continued it are predicted, too', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('chargeInEachRun', 'chain');
      await handle.result();
      const first = resets.client.workflow.getHandle(handle.workflowId, runIdOf(handle));
      const [scheduled = 0] = await eventsOf(first, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(first, { before: scheduled });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(impact.totals).toMatchObject({ replayed: 3, runs: 0 });
      expect(new Set(impact.effects.map(({ runId }) => runId)).size).toBe(3);
    });
  });

  it('what a signal after the point has called is predicted, too', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('payOnSignal', 'signalled');
      for (const order of ['a', 'b']) await handle.signal('pay', order);
      await handle.result();
      const [scheduled = 0] = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(handle, { before: scheduled });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(impact.totals).toMatchObject({ replayed: 2, runs: 1 });
    });
  });

  // Mutation: each call judged alone. The first call gets the result now, and what was its retry is a new charge.
  it('a call that was made again after a failure may run, and does', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('payAgainWhenTold', 'given up');
      // The workflow has to have seen it: a signal in the same task would come first, beside a call that is still open.
      await until(() => hasSeen(handle, 'activityTaskTimedOutEventAttributes'));
      resets.open();
      await handle.signal('pay', '');
      await handle.result();
      expect(resets.done).toHaveLength(1);
      const [scheduled = 0] = await eventsOf(handle, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(handle, { before: scheduled });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(lines(impact)).toEqual([
        'activity waitAndCharge committed replayed',
        'activity waitAndCharge committed mayRun',
      ]);
      expect(resets.done).toHaveLength(2);
    });
  });

  it('the runs that came of an earlier reset are missed, and that is said', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('chargeInEachRun', 'reset before');
      await handle.result();
      const first = resets.client.workflow.getHandle(handle.workflowId, runIdOf(handle));
      const [scheduled = 0] = await eventsOf(first, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(first, { before: scheduled });
      expect((await resets.predict(handle.workflowId, runIdOf(handle), point)).complete).toBe(true);
      const next = await resets.reset(handle.workflowId, runIdOf(handle), point);
      await next.result();
      const impact = await resets.predict(handle.workflowId, runIdOf(handle), point);
      expect([impact.complete, impact.notPredicted[0]]).toEqual([
        false,
        expect.stringMatching(`was reset already: run ${(await next.describe()).runId}`),
      ]);
    });
  });

  it('the attempts of a workflow that was retried are predicted, too', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('failTwice', 'retried');
      await handle.result();
      const first = resets.client.workflow.getHandle(handle.workflowId, runIdOf(handle));
      const [scheduled = 0] = await eventsOf(first, 'activityTaskScheduledEventAttributes');
      const point = await resets.point(first, { before: scheduled });
      const { impact, predicted, happened } = await resets.compare(handle, runIdOf(handle), point);
      expect(happened).toEqual(predicted);
      expect(lines(impact)).toEqual(Array.from({ length: 3 }, () => 'activity charge committed replayed'));
      expect(resets.done).toHaveLength(1);
    });
  });

  it('says of each event whether it can be reset to, as the server does', async () => {
    await Resets.with(here, async (resets) => {
      const handle = await resets.start('chargeInEachRun', 'points', 3);
      await handle.result();
      const { events = [] } = await handle.fetchHistory();
      for (let event = 1; event <= (events?.length ?? 0) + 1; event++) {
        const impact = await resets.predict(handle.workflowId, runIdOf(handle), event).catch(String);
        const taken = await resets.reset(handle.workflowId, runIdOf(handle), event).catch(String);
        if (typeof taken !== 'string') await taken.terminate().catch(() => undefined); // or it has ended
        if (typeof impact === 'string') expect([event, typeof taken]).toEqual([event, 'string']);
        else if (impact.resettable.includes(event)) expect([event, typeof taken]).toEqual([event, 'object']);
        else expect(impact.notes[0]).toMatch(/only if it begins a batch/);
        if (typeof impact === 'string')
          expect(impact).toMatch(/cannot be reset to event.*WorkflowTaskCompleted/);
      }
    });
  });
});
