/** What a workflow knows already. */
import type { WorkflowHandle } from '@temporalio/client';

export type History = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;

/** Names an event by what it alone has. */
export type EventName = keyof History[number];

/** The ids of the events of a kind, in their order. */
export async function eventsOf(handle: WorkflowHandle, name: EventName): Promise<number[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event[name]).map(({ eventId }) => Number(eventId));
}

/**
 * Whether a workflow task has ended since the first event of a kind. Until then, what comes next can come in the same
 * task, and in it before that event.
 */
export async function hasSeen(handle: WorkflowHandle, name: EventName): Promise<boolean> {
  const [first = Infinity] = await eventsOf(handle, name);
  const tasks = await eventsOf(handle, 'workflowTaskCompletedEventAttributes');
  return (tasks.at(-1) ?? 0) > first;
}
