/** What a scenario can do in its cell: start its workflow, watch it, and make the event happen. */
import { randomUUID } from 'node:crypto';

import type { Client, Workflow, WorkflowHandle } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';

import { within } from '../../src/testing/bounded';
import { isRecording, record } from '../support/histories';
import { until } from '../support/waiting';
import type { Case } from './intents';
import type { Account } from './ledger';
import type { Charge, Column } from './matrix';
import type { Stage } from './stage';

type Event = temporal.api.history.v1.IHistoryEvent;

/** How to start a workflow, where it is not as usual. */
export interface StartOptions {
  /** What follows the case. */
  readonly args?: readonly unknown[];
  readonly taskQueue?: string;
  readonly cronSchedule?: string;
  /** Retried after a failure. */
  readonly isRetried?: boolean;
}

const longestEndMs = 10_000;

export class CellRun {
  readonly client: Client;
  readonly account: Account;
  readonly cell: string;
  /** Also the task queue, where a cell needs one of its own. */
  readonly workflowId: string;

  constructor(
    readonly stage: Stage,
    readonly column: Column,
    private readonly workflow: Workflow,
    row: string,
  ) {
    this.client = stage.stack.env.client;
    this.cell = `${column}: ${row}`;
    this.workflowId = `${stage.name}: ${this.cell}`;
    this.account = stage.ledger.open(this.cell, column === 'recipe');
  }

  get case(): Case {
    return { column: this.column, cell: this.cell };
  }

  /** The options of a start, for those who start otherwise. */
  options({ args = [], taskQueue, cronSchedule, isRetried }: StartOptions = {}) {
    return {
      args: [this.case, ...args],
      taskQueue: taskQueue ?? this.stage.taskQueue(this.column),
      workflowId: this.workflowId,
      workflowExecutionTimeout: '100s',
      ...(cronSchedule === undefined ? {} : { cronSchedule }),
      ...(isRetried ? { retry: { initialInterval: '100ms', maximumAttempts: 20 } } : {}),
    } as const;
  }

  /** Starts the workflow; gives the id of its first run. */
  async start(options?: StartOptions): Promise<string> {
    const handle = await this.client.workflow.start(this.workflow, this.options(options));
    return handle.firstExecutionRunId;
  }

  /** The current run, or a certain one. */
  handle(runId?: string, workflowId = this.workflowId): WorkflowHandle {
    return this.client.workflow.getHandle(workflowId, runId);
  }

  /** Keeps the histories of all runs, and of the children, to be replayed by later releases. */
  async record(name: string): Promise<void> {
    if (!isRecording()) return;
    // Of a workflow that a schedule started, the id begins so.
    const all = this.client.workflow.list({
      query: `RootWorkflowId STARTS_WITH ${JSON.stringify(this.workflowId)}`,
    });
    let n = 0;
    for await (const { workflowId, runId } of all)
      await record(`${name}-${++n}`, this.handle(runId, workflowId));
  }

  /** Ends what could not be measured, and whoever waits for it: nobody may when the servers stop. */
  async giveUp(driven: Promise<unknown>): Promise<void> {
    this.account.answer();
    await this.handle()
      .terminate()
      .catch(() => undefined);
    await within(longestEndMs, `the end of ${this.cell}`, Promise.allSettled([driven])).catch(
      () => undefined,
    );
  }

  /** The result of a run, or of the one that its chain ended with. */
  async result(runId?: string, workflowId?: string): Promise<Charge[]> {
    return (await this.handle(runId, workflowId).result()) as Charge[];
  }

  async events(runId?: string, workflowId?: string): Promise<Event[]> {
    return (await this.handle(runId, workflowId).fetchHistory()).events ?? [];
  }

  /** Waits until the history of a run has so many events of a kind. */
  async seen(
    attributes: keyof Event & `${string}Attributes`,
    count = 1,
    runId?: string,
  ): Promise<NonNullable<Event[typeof attributes]>[]> {
    let found: NonNullable<Event[typeof attributes]>[] = [];
    await until(async () => {
      const events = await this.events(runId);
      found = events.flatMap((event) => event[attributes] ?? []);
      return found.length >= count;
    });
    return found;
  }

  /** Resets a run to its first workflow task, or a later one; gives the id of the new run. */
  async reset(runId?: string, task = 1, workflowId = this.workflowId): Promise<string> {
    const ends = (await this.events(runId, workflowId)).filter((e) => e.workflowTaskCompletedEventAttributes);
    const { runId: newRunId } = await this.client.workflowService.resetWorkflowExecution({
      namespace: this.stage.stack.temporalNamespace,
      workflowExecution: { workflowId, ...(runId === undefined ? {} : { runId }) },
      workflowTaskFinishEventId: ends[task - 1]?.eventId as never,
      requestId: randomUUID(),
    });
    return newRunId;
  }

  /** The ids of the runs that follow from one another, from a given one. */
  async chain(runId: string, workflowId = this.workflowId): Promise<string[]> {
    const runs = [runId];
    for (let next: string | undefined = runId; next !== undefined; ) {
      const last: Event | undefined = (await this.events(next, workflowId)).at(-1);
      const ended: { newExecutionRunId?: string | null } | null | undefined =
        last?.workflowExecutionCompletedEventAttributes ??
        last?.workflowExecutionFailedEventAttributes ??
        last?.workflowExecutionContinuedAsNewEventAttributes;
      next = ended?.newExecutionRunId || undefined;
      if (next) runs.push(next);
    }
    return runs;
  }

  /** The ids that a run gave its activities, in the order of their schedule. */
  async activities(runId: string): Promise<string[]> {
    const scheduled = await this.events(runId);
    return scheduled.flatMap(({ activityTaskScheduledEventAttributes: a }) =>
      a ? [`${a.activityId} ${Buffer.from(a.input?.payloads?.[1]?.data ?? []).toString()}`] : [],
    );
  }

  /** Waits until the provider has had so many effects of an item. */
  async booked(item: string, count = 1): Promise<void> {
    await until(() => this.account.count(item) >= count);
  }
}
