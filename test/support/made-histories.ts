/** Histories made by hand, and a client that serves them page by page. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';

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

/** A client of these runs; the last one of a workflow is its current one. `pages` counts what was asked for. */
export function clientOf(runs: readonly MadeRun[], pageSize = 3): { client: Client; pages: () => number } {
  let pages = 0;
  const find = (workflowId: string, runId?: string): MadeRun | undefined =>
    runs.filter((run) => run.workflowId === workflowId && (!runId || run.runId === runId)).at(-1);
  const client = {
    options: { namespace: 'default' },
    workflowService: {
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
  return { client: client as unknown as Client, pages: () => pages };
}
