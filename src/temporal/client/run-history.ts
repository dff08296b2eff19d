/** What the history of one workflow run says of its calls, children and reset points. Reads no payload of a user. */
import type { Client, WorkflowHandle } from '@temporalio/client';

import { readHeader, type CallHeader, type ReadCallHeader, type StartHeader } from '../header';
import { scopeOf, type RunInfo } from '../scope';

/** One event of a history. */
export type HistoryEvent = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

type Events = Omit<HistoryEvent, 'eventId' | 'eventTime' | 'eventType'>;
type Attributes<K extends keyof Events> = NonNullable<Events[K]>;

/** A call of an activity. */
export interface RecordedCall {
  readonly kind: 'activity' | 'local-activity';
  /** The event that scheduled it; of a local activity, the marker that was written when it had ended. */
  readonly eventId: number;
  readonly activityId: string;
  readonly activityType: string;
  /** Absent where there is none; local activities have none in history. */
  readonly header: ReadCallHeader | undefined;
  /** The event that ended it. */
  closedBy: number | undefined;
}

/** A start of a child workflow. */
export interface RecordedChild {
  readonly eventId: number;
  readonly namespace: string;
  readonly workflowId: string;
  readonly workflowType: string;
  /** The number of the policy in Temporal's API. */
  readonly idReusePolicy: number;
  runId: string | undefined;
  closedBy: number | undefined;
  hasCompleted: boolean;
}

interface WorkflowTask {
  readonly scheduled: number;
  started: number | undefined;
  closed: number | undefined;
}

/** What is done to other workflows, of which no receipt speaks. */
export interface OutsideCall {
  readonly eventId: number;
  readonly what: 'nexus operation' | 'signal to another workflow' | 'cancellation of another workflow';
  readonly name: string;
}

/** The run as far as it was read; made by {@link readRun}. */
export class RunHistory {
  workflowType = '';
  info: RunInfo = { attempt: 1, firstExecutionRunId: '', originalExecutionRunId: '' };
  /** When it began, as ISO 8601. */
  startedAt = '';
  /** None where its calls have no ids. */
  scope: string | undefined;
  readonly calls: RecordedCall[] = [];
  readonly children: RecordedChild[] = [];
  readonly outside: OutsideCall[] = [];
  /** Event ids of what the server applies again after a reset. */
  readonly signals: number[] = [];
  readonly updates: number[] = [];
  /** The runs that this one was reset from: whose events it holds, up to which one. */
  readonly bases: { readonly runId: string; readonly until: number }[] = [];
  readonly tasks: WorkflowTask[] = [];
  /** The run after it, by a continue-as-new, a retry or a cron schedule. */
  nextRunId: string | undefined;
  lastEventId = 0;
  isClosed = false;
  /** There were more events than were read. */
  isCut = false;

  private readonly byEvent = new Map<number, RecordedCall | RecordedChild>();

  constructor(
    readonly workflowId: string,
    readonly runId: string,
  ) {}

  /** Takes the next event. */
  add(event: HistoryEvent): void {
    const id = Number(event.eventId); // a Long, or a number
    this.lastEventId = id;
    for (const name of readNames) {
      const attributes = event[name];
      if (attributes)
        (readers[name] as (run: RunHistory, id: number, a: unknown) => void)(this, id, attributes);
    }
    const { eventTime } = event;
    if (this.startedAt === '' && eventTime)
      this.startedAt = new Date(Number(eventTime.seconds) * 1000).toISOString();
  }

  /** The runs whose history holds this event: it ran in one of them. */
  runsOf(eventId: number): string[] {
    return [...this.bases.filter(({ until }) => eventId < until).map(({ runId }) => runId), this.runId];
  }

  /** @internal */
  call(call: Omit<RecordedCall, 'closedBy'>, closedBy?: number): void {
    const recorded: RecordedCall = { ...call, closedBy };
    this.calls.push(recorded);
    this.byEvent.set(call.eventId, recorded);
  }

  /** @internal */
  child(child: RecordedChild): void {
    this.children.push(child);
    this.byEvent.set(child.eventId, child);
  }

  /** @internal What the event `eventId` began has ended. */
  close(eventId: unknown, closedBy: number): RecordedCall | RecordedChild | undefined {
    const begun = this.byEvent.get(Number(eventId));
    if (begun) begun.closedBy = closedBy;
    return begun;
  }

  /** @internal */
  started(initiatedEventId: unknown, runId: string | undefined): void {
    const child = this.byEvent.get(Number(initiatedEventId));
    if (child && 'runId' in child) child.runId = runId;
  }

  /** @internal */
  endTask(closed: number): void {
    const task = this.tasks.at(-1);
    if (task) task.closed ??= closed;
  }

  /** @internal */
  end(next?: string | null): void {
    this.isClosed = true;
    this.nextRunId = next || undefined;
  }
}

const callHeader = (header: { fields?: unknown } | null | undefined): ReadCallHeader | undefined =>
  readHeader<CallHeader>((header?.fields ?? {}) as Parameters<typeof readHeader>[0]);

/** What the core of the SDK writes of a local activity: its own words, which no codec encodes. */
function localActivity(
  details: Attributes<'markerRecordedEventAttributes'>['details'],
): { activity_id?: string; activity_type?: string } | undefined {
  const data = details?.['data']?.payloads?.[0]?.data;
  if (!data) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(data)) as ReturnType<typeof localActivity>;
  } catch {
    return undefined;
  }
}

interface Ended {
  readonly scheduledEventId?: unknown;
}
const endActivity = (run: RunHistory, id: number, { scheduledEventId }: Ended): void =>
  void run.close(scheduledEventId, id);

interface ChildEnded {
  readonly initiatedEventId?: unknown;
}
const endChild = (run: RunHistory, id: number, { initiatedEventId }: ChildEnded): void =>
  void run.close(initiatedEventId, id);

const endTask = (run: RunHistory, id: number): void => run.endTask(id);

const endRun = (run: RunHistory, _id: number, { newExecutionRunId }: { newExecutionRunId?: string | null }) =>
  run.end(newExecutionRunId);

type Readers = { [K in keyof Events]?: (run: RunHistory, id: number, attributes: Attributes<K>) => void };

/** By the attributes that are there, not by the number of the event's type: numbers need a package more. */
const readers: Readers = {
  workflowExecutionStartedEventAttributes: (run, _id, a) => {
    run.workflowType = a.workflowType?.name ?? '';
    run.info = {
      ...{ attempt: a.attempt ?? 1, firstExecutionRunId: a.firstExecutionRunId ?? '' },
      originalExecutionRunId: a.originalExecutionRunId ?? '',
      ...(a.continuedExecutionRunId ? { continuedFromExecutionRunId: a.continuedExecutionRunId } : {}),
      ...(a.cronSchedule ? { cronSchedule: a.cronSchedule } : {}),
      ...(a.retryPolicy ? { retryPolicy: a.retryPolicy } : {}),
    };
    const scope = scopeOf(run.info, readHeader<StartHeader>(a.header?.fields ?? {}));
    run.scope = 'scope' in scope ? scope.scope : undefined;
  },
  workflowExecutionCompletedEventAttributes: endRun,
  workflowExecutionFailedEventAttributes: endRun,
  workflowExecutionTimedOutEventAttributes: endRun,
  workflowExecutionContinuedAsNewEventAttributes: endRun,
  workflowExecutionCanceledEventAttributes: (run) => run.end(),
  workflowExecutionTerminatedEventAttributes: (run) => run.end(),

  workflowTaskScheduledEventAttributes: (run, id) =>
    void run.tasks.push({ scheduled: id, started: undefined, closed: undefined }),
  workflowTaskStartedEventAttributes: (run, id) => {
    const task = run.tasks.at(-1);
    if (task) task.started = id;
  },
  workflowTaskCompletedEventAttributes: endTask,
  workflowTaskTimedOutEventAttributes: endTask,
  workflowTaskFailedEventAttributes: (run, id, { baseRunId, newRunId }) => {
    run.endTask(id);
    if (baseRunId && newRunId) run.bases.push({ runId: baseRunId, until: id }); // a reset begins so
  },

  activityTaskScheduledEventAttributes: (run, eventId, { activityId, activityType, header }) =>
    run.call({
      ...{ kind: 'activity', eventId, activityId: activityId ?? '', header: callHeader(header) },
      activityType: activityType?.name ?? '',
    }),
  activityTaskCompletedEventAttributes: endActivity,
  activityTaskFailedEventAttributes: endActivity,
  activityTaskTimedOutEventAttributes: endActivity,
  activityTaskCanceledEventAttributes: endActivity,
  markerRecordedEventAttributes: (run, eventId, { markerName, details }) => {
    if (markerName !== 'core_local_activity') return;
    const { activity_id: activityId = '', activity_type: activityType = '' } = localActivity(details) ?? {};
    run.call({ kind: 'local-activity', eventId, activityId, activityType, header: undefined }, eventId);
  },

  startChildWorkflowExecutionInitiatedEventAttributes: (run, eventId, a) =>
    run.child({
      ...{ eventId, namespace: a.namespace ?? '', workflowId: a.workflowId ?? '' },
      ...{ workflowType: a.workflowType?.name ?? '', idReusePolicy: a.workflowIdReusePolicy ?? 0 },
      ...{ runId: undefined, closedBy: undefined, hasCompleted: false },
    }),
  childWorkflowExecutionStartedEventAttributes: (run, _id, { initiatedEventId, workflowExecution }) =>
    run.started(initiatedEventId, workflowExecution?.runId ?? undefined),
  startChildWorkflowExecutionFailedEventAttributes: endChild,
  childWorkflowExecutionCompletedEventAttributes: (run, id, { initiatedEventId }) => {
    const child = run.close(initiatedEventId, id);
    if (child && 'hasCompleted' in child) child.hasCompleted = true;
  },
  childWorkflowExecutionFailedEventAttributes: endChild,
  childWorkflowExecutionCanceledEventAttributes: endChild,
  childWorkflowExecutionTimedOutEventAttributes: endChild,
  childWorkflowExecutionTerminatedEventAttributes: endChild,

  workflowExecutionSignaledEventAttributes: (run, id) => void run.signals.push(id),
  workflowExecutionUpdateAcceptedEventAttributes: (run, id) => void run.updates.push(id),

  nexusOperationScheduledEventAttributes: (run, eventId, { service, operation }) =>
    void run.outside.push({ eventId, what: 'nexus operation', name: `${service ?? ''}.${operation ?? ''}` }),
  signalExternalWorkflowExecutionInitiatedEventAttributes: (run, eventId, { signalName }) =>
    void run.outside.push({ eventId, what: 'signal to another workflow', name: signalName ?? '' }),
  requestCancelExternalWorkflowExecutionInitiatedEventAttributes: (run, eventId, { workflowExecution }) =>
    void run.outside.push({
      ...{ eventId, what: 'cancellation of another workflow', name: workflowExecution?.workflowId ?? '' },
    }),
};

const readNames = Object.keys(readers) as (keyof Events)[];

/** Events of one run at most; Temporal itself ends a run at 51,200 unless it was told otherwise. */
export const mostEvents = 100_000;

/** Where others wait for it, a read takes this long at most, with all of its pages. */
export const longestReadMs = 30_000;

/** Which run. */
export interface RunOfWorkflow {
  readonly workflowId: string;
  readonly runId: string;
}

/**
 * Gives the events of a run to `take`, page by page, and of it at most so many.
 * @returns whether there were more
 */
export async function readEvents(
  client: Client,
  { workflowId, runId }: RunOfWorkflow,
  mostEvents: number,
  take: (event: HistoryEvent) => void,
): Promise<boolean> {
  let nextPageToken: Uint8Array | null | undefined;
  let lastEventId = 0;
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      ...(nextPageToken ? { nextPageToken } : {}),
    });
    for (const event of page.history?.events ?? []) {
      take(event);
      lastEventId = Number(event.eventId); // a Long, or a number
    }
    ({ nextPageToken } = page);
  } while (nextPageToken?.length && lastEventId < mostEvents);
  return Boolean(nextPageToken?.length);
}

/** Reads a run, and of it at most so many events. */
export async function readRun(client: Client, of: RunOfWorkflow, mostEvents: number): Promise<RunHistory> {
  const run = new RunHistory(of.workflowId, of.runId);
  run.isCut = await readEvents(client, of, mostEvents, (event) => run.add(event));
  return run;
}
