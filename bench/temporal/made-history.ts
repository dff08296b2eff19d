/** Histories of `callWidely`, made by hand: ten thousand activities would keep a server busy for minutes. */
import { defaultPayloadConverter } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

type Attributes = Record<string, unknown>;

const taskQueue = { name: 'bench' };
const payloadsOf = (...values: unknown[]) => ({
  payloads: values.map((value) => defaultPayloadConverter.toPayload(value)),
});

/** Event after event, each a millisecond after the last. */
class MadeHistory {
  readonly events: Attributes[] = [];

  add(name: string, attributes: Attributes): number {
    const eventId = this.events.length + 1;
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
    const seconds = 1_700_000_000 + Math.floor(eventId / 1000);
    this.events.push({
      ...{ eventId, eventTime: { seconds, nanos: (eventId % 1000) * 1_000_000 } },
      ...{ eventType: `EVENT_TYPE_${snake}`, [`${name}EventAttributes`]: attributes },
    });
    return eventId;
  }

  /** A workflow task; the id of the event that ends it. */
  task(): number {
    const scheduledEventId = this.add('workflowTaskScheduled', { taskQueue });
    const startedEventId = this.add('workflowTaskStarted', { scheduledEventId });
    return this.add('workflowTaskCompleted', { scheduledEventId, startedEventId });
  }
}

/** The history of a `callWidely(count, width)` that has ended. */
export function historyOf(count: number, width: number): temporal.api.history.v1.IHistory {
  const made = new MadeHistory();
  made.add('workflowExecutionStarted', {
    ...{ workflowType: { name: 'callWidely' }, taskQueue, input: payloadsOf(count, width), attempt: 1 },
    ...{ workflowTaskTimeout: { seconds: 10 }, originalExecutionRunId: 'run', firstExecutionRunId: 'run' },
  });
  let workflowTaskCompletedEventId = made.task();
  for (let n = 0; n < count; n += width) {
    const scheduled = Array.from({ length: width }, (_, i) =>
      made.add('activityTaskScheduled', {
        ...{ activityId: String(n + i + 1), activityType: { name: 'noop' }, taskQueue },
        ...{ input: payloadsOf(n + i), workflowTaskCompletedEventId },
      }),
    );
    for (const [i, scheduledEventId] of scheduled.entries()) {
      const startedEventId = made.add('activityTaskStarted', { scheduledEventId, attempt: 1 });
      made.add('activityTaskCompleted', { scheduledEventId, startedEventId, result: payloadsOf(n + i) });
    }
    workflowTaskCompletedEventId = made.task();
  }
  made.add('workflowExecutionCompleted', { workflowTaskCompletedEventId });
  return temporal.api.history.v1.History.fromObject({ events: made.events });
}
