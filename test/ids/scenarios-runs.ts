/** Runs that follow from one another: retries, continue-as-new, cron, schedules. */
import { strictEqual } from 'node:assert/strict';

import type { temporal } from '@temporalio/proto';

import { until } from '../support/waiting';
import type { CellRun } from './cell-run';
import type { Charge, Scenario } from './matrix';
import * as workflows from './workflows';
import type { Plan } from './workflows';

type IPayloads = temporal.api.common.v1.IPayloads;

/** Runs a plan to its end; gives its result and its runs. */
async function chained(
  run: CellRun,
  plan: Plan,
  runs: number,
): Promise<{ result: Charge[]; runs: string[] }> {
  const first = await run.start({ args: [plan], isRetried: plan.failsIn !== undefined });
  const result = await run.result(first);
  const seen = await run.chain(first);
  strictEqual(seen.length, runs, 'another number of runs');
  return { result, runs: seen };
}

/** Starts ticks and waits until so many runs have begun; ends them. */
async function ticks(run: CellRun, count: number): Promise<string[]> {
  const first = await run.start({ args: [count], cronSchedule: '@every 1s' });
  let runs: string[] = [];
  await until(async () => (runs = await run.chain(first)).length > count);
  await run.handle().terminate();
  return runs;
}

/** A tick's own result, from its history: asked for results, the server tells this client to follow the runs. */
async function resultOfTick(run: CellRun, runId: string | undefined): Promise<Charge[]> {
  const [ended] = await run.seen('workflowExecutionCompletedEventAttributes', 1, runId);
  const { payloads } = (ended as { result?: IPayloads }).result ?? {};
  return JSON.parse(Buffer.from(payloads?.[0]?.data ?? []).toString()) as Charge[];
}

/** Lets a schedule start two workflows; gives their results. */
async function scheduled(run: CellRun): Promise<Charge[][]> {
  const { workflowId, taskQueue, args } = run.options();
  const schedule = await run.client.schedule.create({
    scheduleId: workflowId,
    spec: { intervals: [{ every: '1s' }] },
    action: { type: 'startWorkflow', workflowType: 'oneOfMany', workflowId, taskQueue, args },
    policies: { overlap: 'ALLOW_ALL' },
    state: { remainingActions: 2 },
  });
  try {
    const started = async () => (await schedule.describe()).info.recentActions;
    await until(async () => (await started()).length === 2);
    const actions = (await started()).map(({ action }) => action.workflow);
    return await Promise.all(
      actions.map(({ workflowId: id, firstExecutionRunId }) => run.result(firstExecutionRunId, id)),
    );
  } finally {
    await schedule.delete();
  }
}

export const runScenarios: readonly Scenario[] = [
  {
    row: 'workflow retry',
    intents: { a: 2 },
    workflow: workflows.failsOnce,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start({ isRetried: true });
      const result = await run.result(first);
      strictEqual((await run.chain(first)).length, 2);
      return [result];
    },
  },
  {
    row: 'reset of a retried run',
    intents: { a: 2 },
    workflow: workflows.failsOnce,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start({ isRetried: true });
      const result = await run.result(first);
      return [result, await run.result(await run.reset((await run.chain(first))[1]))];
    },
  },
  {
    row: 'workflow retry after a reset',
    intents: { a: 1 },
    workflow: workflows.failsWhenTold,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start({ isRetried: true });
      await run.seen('activityTaskCompletedEventAttributes', 1, first);
      const second = await run.reset(first);
      await run.handle().signal(workflows.goOn);
      const result = await run.result(second);
      strictEqual((await run.chain(second)).length, 2);
      return [result];
    },
  },
  {
    row: 'continue-as-new, a call open at the end of the first run',
    intents: { each: 3, open: 1 },
    workflow: workflows.chained,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('open', 'lose');
      return [(await chained(run, { runs: 3, leavesOpen: true }, 3)).result];
    },
  },
  {
    row: 'reset of a run that was continued as new',
    intents: { each: 2, open: 1 },
    workflow: workflows.chained,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('open', 'lose');
      const { result, runs } = await chained(run, { runs: 2, leavesOpen: true }, 2);
      return [result, await run.result(await run.reset(runs[1]))];
    },
  },
  {
    row: 'reset of the first of continued runs',
    intents: { each: 3 },
    workflow: workflows.chained,
    breaksRecipe: true,
    drive: async (run) => {
      const { result, runs } = await chained(run, { runs: 3 }, 3);
      return [result, await run.result(await run.reset(runs[0]))];
    },
  },
  {
    row: 'continue-as-new, then a workflow retry',
    intents: { each: 3 },
    workflow: workflows.chained,
    breaksRecipe: true,
    drive: async (run) => [(await chained(run, { runs: 3, failsIn: 2 }, 4)).result],
  },
  {
    row: 'workflow retry, then continue-as-new',
    intents: { each: 2 },
    workflow: workflows.chained,
    breaksRecipe: true,
    drive: async (run) => [(await chained(run, { runs: 2, failsIn: 1 }, 3)).result],
  },
  {
    row: 'cron, three ticks',
    intents: { a: 3 },
    workflow: workflows.tick,
    drive: async (run) => {
      run.account.plan('a', 'lose');
      return [await resultOfTick(run, (await ticks(run, 3))[2])];
    },
  },
  {
    row: 'reset of a cron tick',
    intents: { a: 1 },
    workflow: workflows.tick,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start({ args: [1, true], cronSchedule: '@every 1s' });
      await run.seen('activityTaskCompletedEventAttributes', 1, first);
      const second = await run.reset(first);
      await run.handle(second).signal(workflows.goOn);
      const result = await resultOfTick(run, second);
      await run.handle().terminate();
      return [result];
    },
  },
  {
    row: 'a schedule starts two workflows',
    intents: { a: 2 },
    workflow: workflows.oneOfMany,
    drive: async (run) => [(await scheduled(run)).flat()],
  },
  {
    row: 'the same workflow id used again',
    intents: { a: 2 },
    workflow: workflows.oneOfMany,
    drive: async (run) => {
      const results = [];
      for (const business of ['first', 'second']) {
        results.push(await run.result(await run.start({ args: [business] })));
      }
      return [results.flat()];
    },
  },
];
