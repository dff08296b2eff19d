/** What befalls a single activity call. */
import { ok, strictEqual } from 'node:assert/strict';

import { until } from '../support/waiting';
import type { CellRun } from './cell-run';
import type { Scenario } from './matrix';
import * as workflows from './workflows';

/**
 * Resets the activity whenever it waits for its second attempt, until the workflow has ended: an attempt that failed
 * before its effect (a claim that took too long) waits as well.
 */
async function resetUntilDone(run: CellRun): Promise<void> {
  let resets = 0;
  await until(async () => {
    const { status, raw } = await run.handle().describe();
    if (raw.pendingActivities?.[0]?.attempt === 2) {
      resets++;
      await run.client.workflowService
        .resetActivity({
          namespace: run.stage.stack.temporalNamespace,
          execution: { workflowId: run.workflowId },
          id: '1',
        })
        .catch(() => undefined); // it has gone on meanwhile
    }
    return status.name !== 'RUNNING';
  });
  ok(resets > 0, 'there was nothing to reset');
}

export const activityScenarios: readonly Scenario[] = [
  {
    row: 'activity retry: the response was lost',
    intents: { a: 1 },
    workflow: workflows.one,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      await run.start();
      return [await run.result()];
    },
  },
  {
    row: 'activity reset by the API',
    intents: { a: 1 },
    workflow: workflows.oneWithoutRetry,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      await run.start();
      await resetUntilDone(run);
      const result = await run.result();
      const [started] = await run.seen('activityTaskStartedEventAttributes');
      strictEqual((started as { attempt?: number }).attempt, 1, 'the attempts were counted on');
      return [result];
    },
  },
  {
    row: 'equal calls side by side, worker killed after the effects',
    intents: { a: 2 },
    workflow: workflows.sideBySide,
    drive: async (run) => {
      run.account.plan('a', 'hold', 'hold');
      const kill = await run.stage.startVictim(run.column, run.workflowId);
      await run.start({ taskQueue: run.workflowId });
      await until(() => run.account.unmet === 0);
      await kill();
      const stop = await run.stage.startWorker(run.column, run.workflowId);
      const result = await run.result();
      await stop();
      return [result];
    },
  },
  {
    row: "the workflow's own retry loop",
    intents: { a: 1 },
    workflow: workflows.ownLoop,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      await run.start();
      return [await run.result()];
    },
  },
  {
    row: 'a call cancelled (TRY_CANCEL), then made again',
    intents: { a: 1 },
    workflow: workflows.cancelled,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'hold');
      await run.start();
      await run.booked('a');
      await run.handle().signal(workflows.goOn);
      await run.seen('activityTaskScheduledEventAttributes', 2);
      run.account.answer();
      return [await run.result()];
    },
  },
  {
    row: 'declined, then called again as a new intent, then a reset',
    intents: { a: 1 },
    workflow: workflows.declinedThenPaid,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'decline');
      const first = await run.start();
      const before = await run.result(first);
      return [before, await run.result(await run.reset())];
    },
  },
  {
    row: 'local activity retried after a timer of the workflow',
    intents: { a: 1 },
    workflow: workflows.localBackoff,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      await run.start();
      const result = await run.result();
      await run.seen('timerFiredEventAttributes');
      return [result];
    },
  },
  {
    row: 'local activity cancelled in its back-off, then called again',
    intents: { a: 1 },
    workflow: workflows.localCancelled,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      await run.start();
      await run.seen('timerStartedEventAttributes');
      await run.handle().signal(workflows.goOn);
      const result = await run.result();
      await run.seen('timerCanceledEventAttributes');
      return [result];
    },
  },
];
