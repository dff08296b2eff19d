/** Waking whoever waits for a receipt that was resolved. */
import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';

import type { Receipt } from '../../core';
import { hashOfWrittenId, withoutGeneration } from '../../ids';
import { isGone } from './gone';

/** The update by which a workflow that waits for a decision is told to look again. */
const lookAgain = 'resolveOutcome';

/** A workflow that nobody runs does not answer; it looks by itself when somebody does. */
const longestUpdateMs = 5000;

/** All else that is asked of Temporal. */
const longestRequestMs = 10_000;

/** A reset takes the server about a second to act on: what is due by then is left alone. */
const dueSoonMs = 1500;

/** SCHEDULED in the API: not running. A paused activity has another state. */
const scheduled = 1;

type Described = Awaited<ReturnType<Client['workflowService']['describeWorkflowExecution']>>;
type Pending = NonNullable<Described['pendingActivities']>[number];

/**
 * Lets the caller that waits for a receipt look at it again at once, not only at its next retry. Call it after the
 * receipt was resolved. Waking nobody is no error: every caller looks again by itself.
 *
 * Under the policy `'ask'` the workflow that waits gets the update `resolveOutcome`. Otherwise its activity, while it is
 * in back-off, is retried within about a second: by `resetActivity`, after which its attempts count from 1 again. A
 * running attempt, and a paused activity, are left alone. Where the run that claimed is closed, the current run of the
 * workflow is looked at: the one that waits since a reset or a retry of the workflow.
 * @returns what was woken; `'activity'` also where its retry is due by itself within the second
 * @throws what the client throws when Temporal cannot be reached or refuses; calling again is safe
 */
export async function wakeWaiting(
  client: Client,
  receipt: Receipt,
): Promise<'activity' | 'workflow' | 'none'> {
  const { temporalNamespace, workflowId } = receipt.origin;
  if (!workflowId || temporalNamespace !== client.options.namespace) return 'none';
  if (receipt.policy === 'ask' && (await tellWorkflow(client, workflowId, receipt))) return 'workflow';
  // A caller with a stricter policy waits as an activity all the same.
  return (await wakeActivity(client, workflowId, receipt)) ? 'activity' : 'none';
}

/** Whether the current run took the update: after a reset or a retry it is the one that waits. */
async function tellWorkflow(client: Client, workflowId: string, { requestId }: Receipt): Promise<boolean> {
  const tell = (): Promise<unknown> =>
    client.workflow.getHandle(workflowId).executeUpdate(lookAgain, { args: [{ requestId }] });
  try {
    await client.withDeadline(Date.now() + longestUpdateMs, tell);
    return true;
  } catch (error) {
    const isUnheard =
      error instanceof WorkflowUpdateFailedError || // it has no such handler, or that failed
      error instanceof WorkflowUpdateRPCTimeoutOrCancelledError ||
      isGrpcDeadlineError(error) ||
      isGrpcCancelledError(error);
    if (isUnheard || isGone(error)) return false;
    throw error;
  }
}

async function wakeActivity(client: Client, workflowId: string, receipt: Receipt): Promise<boolean> {
  const { runId } = receipt.origin;
  const claimer = runId ? await describe(client, workflowId, runId) : undefined;
  const run = claimer?.isOpen ? claimer : await describe(client, workflowId, '');
  let hasWoken = false; // several calls may wait for one id
  for (const activity of run?.activities ?? []) {
    const isClaimer = run?.runId === runId && activity.activityId === receipt.origin['activityId'];
    // Activity ids of another run may belong to other calls: there only its failure tells.
    if (!isWaiting(activity) || !(isClaimer || (await waitsFor(client, activity, receipt)))) continue;
    if (isDueSoon(activity) || (await reset(client, { workflowId, runId: run?.runId ?? '' }, activity)))
      hasWoken = true;
  }
  return hasWoken;
}

interface DescribedRun {
  readonly runId: string;
  readonly isOpen: boolean;
  readonly activities: readonly Pending[];
}

const ifThere = async <T>(client: Client, work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await client.withDeadline(Date.now() + longestRequestMs, work);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
};

/** A run, or the current one for the empty id; `undefined` where there is none any more. */
const describe = (client: Client, workflowId: string, runId: string): Promise<DescribedRun | undefined> =>
  ifThere(client, async () => {
    const { workflowExecutionInfo: info, pendingActivities } =
      await client.workflowService.describeWorkflowExecution({
        namespace: client.options.namespace,
        execution: { workflowId, runId },
      });
    return {
      runId: info?.execution?.runId ?? '',
      isOpen: !info?.closeTime,
      activities: pendingActivities ?? [],
    };
  });

/** In back-off after an attempt. The number alone does not tell: a reset makes the next attempt the first again. */
const isWaiting = ({ state, paused, attempt, nextAttemptScheduleTime, lastFailure }: Pending): boolean =>
  Number(state) === scheduled &&
  !paused &&
  nextAttemptScheduleTime != null &&
  (Number(attempt) > 1 || lastFailure != null);

/** What seems long overdue is not: then the clocks differ. */
const isDueSoon = ({ nextAttemptScheduleTime: at }: Pending): boolean =>
  at != null && Math.abs(Number(at.seconds) * 1000 - Date.now()) < dueSoonMs;

/** Whether its last failure, the guard's, names this request id. */
async function waitsFor(
  client: Client,
  { activityId, lastFailure }: Pending,
  { requestId }: Receipt,
): Promise<boolean> {
  const info = lastFailure?.applicationFailureInfo;
  if (info?.type !== 'OutcomeUnknown' && info?.type !== 'InFlight') return false;
  const { namespace, loadedDataConverter } = client.options;
  const owner = { type: 'activity', namespace, isLocal: false, activityId: activityId ?? '' } as const;
  const payloads = (info.details?.payloads ?? []) as Payload[];
  const [told] = (await decodeArrayFromPayloads(loadedDataConverter, payloads, owner).catch(() => [])) as [
    { readonly requestId?: unknown } | null | undefined,
  ];
  const named = told?.requestId;
  const hashOf = (id: string): string => hashOfWrittenId(withoutGeneration(id));
  return typeof named === 'string' && hashOf(named) === hashOf(requestId);
}

/**
 * Measured with server 1.32, a back-off of 40 s: after `resetActivity` the next attempt began within 0.9 s, as attempt
 * 1; after pausing and unpausing too, as attempt 2, but whoever dies between the two leaves it paused. `unpauseActivity`
 * alone does nothing; `updateActivityOptions`, also with `restoreOriginal`, puts the policy's interval in place of the
 * delay that the failure asked for, which made the wait longer. Reset, an attempt that runs is cancelled at its next
 * heartbeat and its end counts as a failure: the moment between looking and resetting is all that is left of that.
 */
const reset = async (
  client: Client,
  execution: { readonly workflowId: string; readonly runId: string },
  { activityId }: Pending,
): Promise<boolean> => {
  const { namespace, identity } = client.options;
  const answer = await ifThere(client, () =>
    client.workflowService.resetActivity({
      ...{ namespace, execution, identity, id: activityId ?? '' },
      keepPaused: true,
    }),
  );
  return answer !== undefined;
};
