/** Child workflows, whose ids are the uuids that the SDK gives them. */
import { notEqual, ok, strictEqual } from 'node:assert/strict';

import type { CellRun } from './cell-run';
import type { Scenario } from './matrix';
import * as workflows from './workflows';

interface Started {
  readonly workflowExecution?: { readonly workflowId?: string; readonly runId?: string };
}

/** The first child of a run of the parent. */
async function childOf(run: CellRun, runId?: string): Promise<{ workflowId: string; runId: string }> {
  const [started] = await run.seen('childWorkflowExecutionStartedEventAttributes', 1, runId);
  const { workflowId, runId: childRunId } = (started as Started).workflowExecution ?? {};
  ok(workflowId && childRunId);
  return { workflowId, runId: childRunId };
}

export const childScenarios: readonly Scenario[] = [
  {
    row: 'parent reset after its child',
    intents: { a: 1 },
    workflow: workflows.parent,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start();
      const before = await run.result(first);
      const second = await run.reset(first);
      const after = await run.result(second);
      notEqual((await childOf(run, second)).workflowId, (await childOf(run, first)).workflowId);
      return [before, after];
    },
  },
  {
    row: 'parent reset while its child runs',
    intents: { a: 1 },
    workflow: workflows.parent,
    breaksRecipe: true,
    drive: async (run) => {
      run.account.plan('a', 'hold');
      const first = await run.start();
      await run.booked('a');
      const second = await run.reset(first);
      notEqual((await childOf(run, second)).workflowId, (await childOf(run, first)).workflowId);
      run.account.answer();
      return [await run.result(second)];
    },
  },
  {
    row: 'child workflow retry',
    intents: { a: 2 },
    workflow: workflows.parentOfRetried,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start();
      const result = await run.result(first);
      const child = await childOf(run, first);
      strictEqual((await run.chain(child.runId, child.workflowId)).length, 2);
      return [result];
    },
  },
  {
    row: 'reset of a child by itself',
    intents: { a: 1 },
    workflow: workflows.parentOfWaiting,
    breaksRecipe: true,
    drive: async (run) => {
      await run.start();
      const child = await childOf(run);
      await run.booked('a');
      const again = await run.reset(child.runId, 1, child.workflowId);
      await run.handle(again, child.workflowId).signal(workflows.goOn);
      const result = await run.result(again, child.workflowId);
      await run.handle().terminate();
      return [result];
    },
  },
  {
    row: 'parent continued as new, a child started again',
    intents: { a: 2, open: 1 },
    workflow: workflows.parentContinues,
    breaksRecipe: true,
    drive: async (run) => {
      const first = await run.start();
      const result = await run.result(first);
      strictEqual((await run.chain(first)).length, 2);
      return [result];
    },
  },
];
