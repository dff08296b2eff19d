/** What Temporal knows of the activities of one run. Payloads stay as they are: encoded. */
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

import { longestReadMs, mostEvents, readEvents, type HistoryEvent, type RunOfWorkflow } from './run-history';
import { SharedRead } from './shared-read';

/** How an activity ended. */
export interface ActivityEnd {
  readonly how: 'completed' | 'failed' | 'timed out' | 'was cancelled';
  /** Of what was completed; none for a void result of some SDKs. */
  readonly result?: readonly Payload[] | null | undefined;
  /** Who said so. */
  readonly identity?: string | null | undefined;
}

/** An activity in a history. */
export interface RecordedActivity {
  readonly input: readonly Payload[];
  /** The last attempt, which is written when it has ended. */
  attempt: number | undefined;
  /** Who ran that. */
  identity: string | undefined;
  end: ActivityEnd | undefined;
  /** The workflow used this activity id again, so that nobody knows which of them is meant. */
  isRepeated: boolean;
}

/** An activity that has not ended. */
export interface PendingActivity {
  readonly attempt: number;
  readonly isPaused: boolean;
}

/** A read is shared by those who ask within this time. */
const sharedForMs = 1000;

/** Runs that are kept at a time: each may hold as much as a history, 50 MB. */
const mostRuns = 4;

/** What was read of a run. */
class RunView {
  readonly madeAt = performance.now();
  private pendingRead: SharedRead<ReadonlyMap<string, PendingActivity>> | undefined;
  private activityRead: SharedRead<ReadonlyMap<string, RecordedActivity>> | undefined;

  constructor(
    private readonly client: Client,
    private readonly run: RunOfWorkflow,
  ) {}

  get isFresh(): boolean {
    return performance.now() - this.madeAt < sharedForMs;
  }

  /** The activities that have not ended; one request. */
  pending(signal: AbortSignal): Promise<ReadonlyMap<string, PendingActivity>> {
    if (!this.pendingRead || this.pendingRead.isOfNoUse)
      this.pendingRead = this.reading(() => this.describe());
    return this.pendingRead.wait(signal);
  }

  /** All activities that the history shows, by their ids. */
  activities(signal: AbortSignal): Promise<ReadonlyMap<string, RecordedActivity>> {
    if (!this.activityRead || this.activityRead.isOfNoUse)
      this.activityRead = this.reading(() => this.read());
    return this.activityRead.wait(signal);
  }

  private reading<T>(read: () => Promise<T>): SharedRead<T> {
    return new SharedRead((signal) =>
      this.client.withDeadline(Date.now() + longestReadMs, () => this.client.withAbortSignal(signal, read)),
    );
  }

  private async describe(): Promise<ReadonlyMap<string, PendingActivity>> {
    const { workflowId, runId } = this.run;
    const { pendingActivities } = await this.client.workflowService.describeWorkflowExecution({
      namespace: this.client.options.namespace,
      execution: { workflowId, runId },
    });
    return new Map(
      (pendingActivities ?? []).map(({ activityId, attempt, paused }) => [
        activityId ?? '',
        { attempt: attempt ?? 1, isPaused: paused ?? false },
      ]),
    );
  }

  private async read(): Promise<ReadonlyMap<string, RecordedActivity>> {
    const index = new ActivityIndex();
    const isCut = await readEvents(this.client, this.run, mostEvents, (event) => index.add(event));
    // Behind the cut an id may be used again.
    if (isCut) for (const activity of index.byId.values()) activity.isRepeated = true;
    return index.byId;
  }
}

/** Gathers the activities of a run, event after event. */
class ActivityIndex {
  readonly byId = new Map<string, RecordedActivity>();
  private readonly byEvent = new Map<number, RecordedActivity>();

  add(event: HistoryEvent): void {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const activityId = scheduled.activityId ?? '';
      const activity: RecordedActivity = {
        input: scheduled.input?.payloads ?? [],
        ...{ attempt: undefined, identity: undefined, end: undefined, isRepeated: this.byId.has(activityId) },
      };
      this.byId.set(activityId, activity);
      this.byEvent.set(Number(event.eventId), activity); // a Long, or a number
    }
    const started = event.activityTaskStartedEventAttributes;
    const running = this.of(started);
    if (running) {
      running.attempt = started?.attempt ?? undefined;
      running.identity = started?.identity ?? undefined;
    }
    this.end(event);
  }

  private end(event: HistoryEvent): void {
    const completed = event.activityTaskCompletedEventAttributes;
    const ends = [
      [completed, { how: 'completed', result: completed?.result?.payloads, identity: completed?.identity }],
      [event.activityTaskFailedEventAttributes, { how: 'failed' }],
      [event.activityTaskTimedOutEventAttributes, { how: 'timed out' }],
      [event.activityTaskCanceledEventAttributes, { how: 'was cancelled' }],
    ] as const;
    for (const [attributes, end] of ends) {
      const activity = this.of(attributes);
      if (activity) activity.end = end;
    }
  }

  private of(
    attributes: { readonly scheduledEventId?: unknown } | null | undefined,
  ): RecordedActivity | undefined {
    return attributes ? this.byEvent.get(Number(attributes.scheduledEventId)) : undefined;
  }
}

/** Looks at runs, once for several who ask at the same time. */
export class RunViews {
  private readonly views = new Map<string, RunView>();

  constructor(private readonly client: Client) {}

  /** A look at a run that began just now, or up to a second ago if it may be a shared one. */
  of(run: RunOfWorkflow, mayBeShared: boolean): RunView {
    for (const [key, view] of this.views) if (!view.isFresh) this.views.delete(key);
    const key = JSON.stringify([run.workflowId, run.runId]);
    const known = mayBeShared ? this.views.get(key) : undefined;
    if (known) return known;
    const view = new RunView(this.client, run);
    if (!mayBeShared) return view;
    this.views.set(key, view);
    const [oldest] = this.views.keys();
    if (this.views.size > mostRuns && oldest !== undefined) this.views.delete(oldest);
    return view;
  }
}
