/** Histories made by hand, and a client that serves them page by page. */
import { WorkflowNotFoundError, WorkflowUpdateFailedError, type Client } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';

import { writeHeader, headerName, type CallHeader, type ScopeHeader } from '../../src/temporal/header';

type Attributes = Readonly<Record<string, unknown>>;
interface MadeEvent {
  readonly eventId: number;
  readonly [attributes: string]: unknown;
}

const headerOf = (value: CallHeader | ScopeHeader | undefined) => ({
  fields: value ? { [headerName]: writeHeader(value) } : {},
});

/** One run, event after event. */
export class MadeRun {
  readonly events: MadeEvent[] = [];
  isOpen = true;
  /** What a description of the run says of activities that have not ended. */
  pending: Attributes[] = [];
  /** The run that a reset has made of it. */
  resetRunId: string | undefined;

  constructor(
    readonly workflowId = 'order',
    readonly runId = 'run-1',
    started: Attributes = {},
    scope?: ScopeHeader,
  ) {
    this.add('workflowExecutionStarted', {
      ...{
        workflowType: { name: 'pay' },
        originalExecutionRunId: runId,
        firstExecutionRunId: runId,
        attempt: 1,
      },
      ...{ header: headerOf(scope), ...started },
    });
    this.task();
  }

  add(name: string, attributes: Attributes = {}): number {
    const eventId = this.events.length + 1;
    this.events.push({ eventId, [`${name}EventAttributes`]: attributes });
    return eventId;
  }

  /** A workflow task; the id of the event that ends it. */
  task(end = 'workflowTaskCompleted', attributes: Attributes = {}): number {
    this.add('workflowTaskScheduled');
    this.add('workflowTaskStarted');
    return this.add(end, attributes);
  }

  schedule(activityType: string, activityId: string, header?: CallHeader): number {
    return this.add('activityTaskScheduled', {
      ...{ activityId, activityType: { name: activityType }, header: headerOf(header) },
    });
  }

  /** A whole call, and the workflow task after it. */
  call(activityType: string, activityId: string, header?: CallHeader, end = 'Completed'): number {
    const scheduledEventId = this.schedule(activityType, activityId, header);
    this.add('activityTaskStarted', { scheduledEventId });
    this.add(`activityTask${end}`, { scheduledEventId });
    return this.task();
  }

  local(activityType: string, activityId: string): number {
    const data = new TextEncoder().encode(
      JSON.stringify({ activity_id: activityId, activity_type: activityType }),
    );
    return this.add('markerRecorded', {
      ...{ markerName: 'core_local_activity', details: { data: { payloads: [{ data }] } } },
    });
  }

  child(workflowId: string, runId: string, more: Attributes = {}): number {
    const initiatedEventId = this.add('startChildWorkflowExecutionInitiated', {
      ...{
        workflowId,
        workflowType: { name: 'kid' },
        namespace: 'default',
        workflowIdReusePolicy: 1,
        ...more,
      },
    });
    this.add('childWorkflowExecutionStarted', { initiatedEventId, workflowExecution: { workflowId, runId } });
    return initiatedEventId;
  }

  end(name = 'workflowExecutionCompleted', attributes: Attributes = {}): this {
    this.isOpen = false;
    this.add(name, attributes);
    return this;
  }
}

const notFound = (): Error =>
  Object.assign(new Error('5 NOT_FOUND'), { code: 5, details: 'gone', metadata: {} });

/** A client of these runs. */
export interface MadeClient {
  readonly client: Client;
  /** Pages of histories that were asked for. */
  readonly pages: () => number;
  /** All else that was asked, in order. */
  readonly asked: string[];
}

/** A client of these runs; the last one of a workflow is its current one. `update` answers updates. */
export function clientOf(
  runs: readonly MadeRun[],
  pageSize = 3,
  update: () => Promise<unknown> = () =>
    Promise.reject(new WorkflowUpdateFailedError('no handler', undefined)),
): MadeClient {
  let pages = 0;
  const asked: string[] = [];
  const find = (workflowId: string, runId?: string): MadeRun | undefined =>
    runs.filter((run) => run.workflowId === workflowId && (!runId || run.runId === runId)).at(-1);
  const client = {
    options: { namespace: 'default', identity: 'test', loadedDataConverter: defaultDataConverter },
    withDeadline: <T>(_deadline: number, work: () => Promise<T>): Promise<T> => work(),
    withAbortSignal: <T>(_signal: AbortSignal, work: () => Promise<T>): Promise<T> => work(),
    workflowService: {
      describeWorkflowExecution: async ({
        execution,
      }: {
        execution: { workflowId: string; runId: string };
      }) => {
        asked.push('describe');
        const run = find(execution.workflowId, execution.runId);
        if (!run) throw notFound();
        return {
          workflowExecutionInfo: {
            ...{ execution: { workflowId: run.workflowId, runId: run.runId } },
            ...(run.isOpen ? {} : { closeTime: { seconds: 1 } }),
          },
          pendingActivities: run.pending,
        };
      },
      resetActivity: async (request: { id: string; execution: { runId: string }; keepPaused: boolean }) => {
        asked.push(`reset ${request.execution.runId}/${request.id}${request.keepPaused ? '' : ' unpaused'}`);
        return {};
      },
      getWorkflowExecutionHistory: async (request: {
        execution: { workflowId: string; runId: string };
        nextPageToken?: Uint8Array;
      }) => {
        pages++;
        const { workflowId, runId } = request.execution;
        const run = find(workflowId, runId);
        if (!run) throw notFound();
        const from = request.nextPageToken ? new DataView(request.nextPageToken.buffer).getUint32(0) : 0;
        const to = from + pageSize;
        const token = new Uint8Array(4);
        new DataView(token.buffer).setUint32(0, to);
        const nextPageToken = to < run.events.length ? token : new Uint8Array();
        return { history: { events: run.events.slice(from, to) }, nextPageToken };
      },
    },
    workflow: {
      getHandle: (workflowId: string, runId?: string) => ({
        executeUpdate: async (name: string, { args }: { args: unknown[] }) => {
          asked.push(`update ${runId ?? 'current'} ${name} ${JSON.stringify(args)}`);
          return update();
        },
        describe: async () => {
          const run = find(workflowId, runId);
          if (!run) throw new WorkflowNotFoundError('not found', workflowId, runId);
          const { resetRunId } = run;
          return {
            ...{ runId: run.runId, status: { name: run.isOpen ? 'RUNNING' : 'COMPLETED' } },
            raw: { workflowExtendedInfo: { resetRunId } },
          };
        },
      }),
    },
  };
  return { client: client as unknown as Client, pages: () => pages, asked };
}
