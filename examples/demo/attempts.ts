import type { Client } from '@temporalio/client';

type History = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

/** How many attempts the activities of these workflows took, by activity, as the histories tell. */
export async function countAttempts(
  client: Client,
  workflowIds: readonly string[],
): Promise<Map<string, number>> {
  const histories = await Promise.all(
    workflowIds.map((workflowId) => client.workflow.getHandle(workflowId).fetchHistory()),
  );
  const total = new Map<string, number>();
  for (const history of histories) addAttempts(total, history);
  return total;
}

function addAttempts(total: Map<string, number>, { events }: History): void {
  const names = new Map<string, string>();
  for (const event of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) names.set(String(event.eventId), scheduled.activityType?.name ?? 'unknown');
    // Written once per activity, when it ends: with the number of its last attempt.
    const started = event.activityTaskStartedEventAttributes;
    if (!started) continue;
    const name = names.get(String(started.scheduledEventId)) ?? 'unknown';
    total.set(name, (total.get(name) ?? 0) + (started.attempt ?? 1));
  }
}
