/** Making whoever waits for an outcome look again at once. */
import type { Client } from '@temporalio/client';

import type { Receipt } from '../../core';

/** Numbers of Temporal's API. */
const running = 1;
const scheduled = 1;

/** Whoever is not woken looks again by itself. */
const limitMs = 5000;

/**
 * Has the activity that waits for a receipt retried now, instead of at its next interval; or, where the workflow itself
 * waits for a decision (`onUnknown: 'ask'`), makes it look again. A running attempt and a paused activity are left alone.
 * @returns who was woken; `'none'` where nobody waits, or who waits is gone
 * @throws what Temporal's API throws when it cannot be reached; calling again is safe
 */
export async function wakeWaiting(
  client: Client,
  { origin, policy, requestId }: Receipt,
): Promise<'activity' | 'workflow' | 'none'> {
  const { temporalNamespace, workflowId, runId = '', activityId } = origin;
  if (temporalNamespace !== client.options.namespace || workflowId === undefined || activityId === undefined)
    return 'none';
  return client.withDeadline(Date.now() + limitMs, async () => {
    try {
      if (policy !== 'ask') return await retryNow(client, workflowId, runId, activityId);
      // Whichever run waits now: a reset has made another of it.
      await client.workflow.getHandle(workflowId).executeUpdate('resolveOutcome', { args: [{ requestId }] });
      return 'workflow';
    } catch (error) {
      if (isGone(error)) return 'none';
      throw error;
    }
  });
}

/** An activity in its back-off has an attempt that is scheduled. `resetActivity` starts it at once, as attempt 1. */
async function retryNow(
  client: Client,
  workflowId: string,
  runId: string,
  activityId: string,
): Promise<'activity' | 'none'> {
  const { namespace } = client.options;
  for (const execution of [{ workflowId, runId }, { workflowId }]) {
    const { workflowExecutionInfo, pendingActivities } =
      await client.workflowService.describeWorkflowExecution({ namespace, execution });
    if (Number(workflowExecutionInfo?.status) !== running) continue;
    const waits = pendingActivities?.some(
      (activity) =>
        activity.activityId === activityId &&
        Number(activity.state) === scheduled &&
        Number(activity.attempt) > 1,
    );
    if (!waits) continue;
    await client.workflowService.resetActivity({
      ...{ namespace, execution, identity: 'activity-guard', id: activityId, keepPaused: true },
    });
    return 'activity';
  }
  return 'none';
}

/** The codes of gRPC for what is not there (any more), and for an update that the workflow refused. */
const goneCodes: ReadonlySet<unknown> = new Set([3, 5, 9]);

function isGone(error: unknown): boolean {
  const { code, name, cause } = error as { code?: unknown; name?: string; cause?: { code?: unknown } };
  return (
    goneCodes.has(code) ||
    goneCodes.has(cause?.code) ||
    name === 'WorkflowNotFoundError' ||
    name === 'WorkflowUpdateFailedError'
  );
}
