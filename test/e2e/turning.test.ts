/** The interceptors under workflows that run: turned on, off and on again from task to task, each replayed from the start. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { WorkflowHandle } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import type { WorkflowBundle } from '@temporalio/worker';

import { guarded } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import {
  callBySignal,
  callByUpdate,
  goOn,
  handedOn,
  stageCount,
  stagesDone,
} from '../fixtures/turning-workflows';
import { record } from '../support/histories';
import { WorkerHere } from '../support/worker-here';

const unhandledCommand =
  temporal.api.enums.v1.WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND;
const workflowsPath = require.resolve('../fixtures/turning-workflows');

let here: WorkerHere;
let bundles: Record<'on' | 'off', WorkflowBundle>;
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  bundles = { on: here.workflowBundle, off: await here.bareBundle(workflowsPath) };
});
afterAll(() => here.stop());

const calls: string[] = [];
const book = (what: string): string => (calls.push(what), what);
const activities = {
  act: guarded(async (what: string) => book(what)),
  ambiguous: guarded({ leaseFor: 500, waitFor: 100 }, async (what: string) => {
    book(what);
    throw new Error('socket hang up');
  }),
  slow: guarded(async (what: string) => {
    await delay(300);
    return book(what);
  }),
};

/** A fleet of which one half has the interceptors. No cache: any task may go to either, and replays what was before. */
function withBoth<T>(taskQueue: string, work: () => Promise<T>): Promise<T> {
  const worker = (workflowBundle: WorkflowBundle) => ({
    activities,
    workflowBundle,
    maxCachedWorkflows: 0,
    plugins: [new ActivityGuardPlugin({ receipts: here.receipts })],
  });
  return here.withWorker(taskQueue, worker(bundles.on), (on) =>
    on.runUntil(here.withWorker(taskQueue, worker(bundles.off), (off) => off.runUntil(work))),
  );
}

/** Leads a workflow through all of its stages and both of its runs. */
async function lead(workflowId: string, taskQueue: string): Promise<void> {
  const { workflow } = here.stack.env.client;
  // A task whose local activity the SDK forgets as it evicts the run is done again after this time, not after ten seconds.
  const workflowTaskTimeout = '3s';
  const handle = await workflow.start(handedOn, {
    args: [workflowId],
    taskQueue,
    workflowId,
    workflowTaskTimeout,
  });
  for (let stage = 0; stage < total; stage++) {
    // Accepted before the stage begins: the last one would end its run, and an update that has not arrived fails.
    const args: [string, number] = [`${workflowId}-update`, stage + 1];
    const update = await handle.startUpdate(callByUpdate, { args, waitForStage: 'ACCEPTED' });
    await handle.signal(callBySignal, `${workflowId}-signal`);
    await handle.signal(goOn);
    await update.result();
    expect((await handle.query(stagesDone)).done).toBeGreaterThan(stage);
  }
  expect(await handle.result()).toBe(total);
}

/** What went wrong in the workflow tasks of a run. */
async function failedTasks(run: WorkflowHandle): Promise<unknown[]> {
  const { events } = await run.fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    // A signal that comes while a task ends a run has the server ask for that task once more.
    failed && failed.cause !== unhandledCommand ? [failed.failure?.message] : [],
  );
}

/** The runs of a workflow, from the first. */
async function runsOf(workflowId: string): Promise<WorkflowHandle[]> {
  const { workflow } = here.stack.env.client;
  const runs: string[] = [];
  for await (const { runId } of workflow.list({ query: `WorkflowId = '${workflowId}'` })) runs.unshift(runId);
  return runs.map((runId) => workflow.getHandle(workflowId, runId));
}

const total = 2 * stageCount;

const count = (what: string): number => calls.filter((call) => call === what).length;

describe('the interceptors', () => {
  it('turned on and off at any task break no replay, and lose or repeat no call', async () => {
    const taskQueue = randomUUID();
    const ids = [0, 1].map((i) => `turned-${i}-${taskQueue}`);
    await withBoth(taskQueue, () => Promise.all(ids.map((id) => lead(id, taskQueue))));
    for (const id of ids) {
      const runs = await runsOf(id);
      expect(runs).toHaveLength(2);
      for (const run of runs) expect(await failedTasks(run)).toEqual([]);
      expect(count(`${id}-signal`)).toBe(total);
      expect(count(`${id}-update`)).toBe(total);
      for (const stage of [0, 2, 3, 4]) expect(count(`${id}-${stage}`)).toBe(1);
      expect(count(`${id}-1`)).toBe(2);
      // A task that is done again runs its local activities again: on the other half of the fleet under another id.
      expect(count(`${id}-1-local`)).toBeGreaterThan(0);
    }
    const [first] = await runsOf(ids[0] ?? '');
    if (first) await record('handedOn', first);
  }, 150_000);
});
