/** Resets of workflows. */
import { notDeepEqual, ok } from 'node:assert/strict';

import type { CellRun } from './cell-run';
import type { Charge, Scenario } from './matrix';
import * as workflows from './workflows';

/** The results before and after a reset of a finished workflow. */
async function beforeAndAfter(run: CellRun, task: number): Promise<Charge[][]> {
  const first = await run.start();
  const before = await run.result(first);
  return [before, await run.result(await run.reset(first, task))];
}

const signal = async (run: CellRun, item: string, intent: string): Promise<void> =>
  run.handle().signal(workflows.pay, item, intent);

export const resetScenarios: readonly Scenario[] = [
  {
    row: 'workflow reset to the first workflow task',
    intents: { a: 1, b: 2 },
    workflow: workflows.three,
    breaksRecipe: true,
    drive: (run) => beforeAndAfter(run, 1),
  },
  {
    row: 'workflow reset to a later task',
    intents: { a: 1, b: 2 },
    workflow: workflows.three,
    breaksRecipe: true,
    drive: (run) => beforeAndAfter(run, 2),
  },
  {
    row: 'reset of a reset',
    intents: { a: 1, b: 2 },
    workflow: workflows.three,
    breaksRecipe: true,
    drive: async (run) => {
      const results = await beforeAndAfter(run, 2);
      return [...results, await run.result(await run.reset())];
    },
  },
  {
    row: 'workflow reset while the call runs',
    intents: { a: 1 },
    workflow: workflows.onePatiently,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'hold');
      await run.start();
      await run.booked('a');
      const second = await run.reset();
      await run.seen('activityTaskScheduledEventAttributes', 1, second);
      run.account.answer();
      return [await run.result(second)];
    },
  },
  {
    row: 'Promise.race lost to a timer, then a reset',
    intents: { a: 1 },
    workflow: workflows.raced,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'hold');
      const first = await run.start();
      await run.seen('timerFiredEventAttributes');
      run.account.answer();
      const before = await run.result(first);
      return [before, await run.result(await run.reset())];
    },
  },
  {
    row: 'signals re-applied by a reset before the first call',
    intents: { main: 1, left: 1, right: 1 },
    workflow: workflows.listening,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start();
      await run.booked('main');
      for (const item of ['left', 'right']) {
        await signal(run, item, item);
        await run.booked(item);
      }
      await run.handle().signal(workflows.goOn);
      const before = await run.result(first);
      const second = await run.reset();
      const after = await run.result(second);
      notDeepEqual(await run.activities(second), await run.activities(first), 'no id was swapped');
      return [before, after];
    },
  },
  {
    row: 'updates re-applied by a reset, two of them equal',
    intents: { main: 1, left: 2, right: 1 },
    workflow: workflows.listening,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start();
      for (const [item, intent] of [
        ['left', 'left-1'],
        ['right', 'right'],
        ['left', 'left-2'],
      ] as const) {
        await run.handle().executeUpdate(workflows.payNow, { args: [item, intent] });
      }
      await run.handle().signal(workflows.goOn);
      const before = await run.result(first);
      return [before, await run.result(await run.reset())];
    },
  },
  {
    row: 'signalWithStart twice with equal signals, then a reset',
    intents: { main: 1, paid: 2 },
    workflow: workflows.listening,
    breaksRecipe: true,
    drive: async (run) => {
      for (const intent of ['paid-1', 'paid-2']) {
        await run.client.workflow.signalWithStart(workflows.listening, {
          ...run.options(),
          args: [run.case],
          signal: workflows.pay,
          signalArgs: ['paid', intent],
        });
      }
      await run.handle().signal(workflows.goOn);
      const before = await run.result();
      return [before, await run.result(await run.reset())];
    },
  },
  {
    row: 'calls inserted and reordered by new code after a reset',
    intents: { alpha: 2, beta: 1, gamma: 1 },
    workflow: workflows.changing,
    breaksRecipe: true,
    drive: async (run) => {
      const stopOld = await run.stage.startWorker(run.column, run.workflowId);
      const first = await run.start({ taskQueue: run.workflowId });
      await run.result(first);
      await stopOld();
      const stopNew = await run.stage.startWorker(run.column, run.workflowId, 'workflows-next');
      const second = await run.reset(first);
      const after = await run.result(second);
      await stopNew();
      ok((await run.activities(second)).length > (await run.activities(first)).length);
      return [after];
    },
  },
  {
    row: 'workflow task failed after a local activity',
    intents: { a: 2, b: 1 },
    workflow: workflows.stumbles,
    drive: async (run) => {
      await run.start();
      const result = await run.result();
      await run.seen('workflowTaskFailedEventAttributes');
      return [result];
    },
  },
];
