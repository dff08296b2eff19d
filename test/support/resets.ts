/** A worker whose workflows are reset, and what then really happens. */
import { randomUUID } from 'node:crypto';

import { Client, type WorkflowHandle } from '@temporalio/client';
import type { WorkflowBundle } from '@temporalio/worker';

import { resetImpact, type ResetImpact } from 'activity-guard/client';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { resetActivities, type Done } from '../fixtures/reset-activities';
import type * as workflows from '../fixtures/reset-workflows';
import type { GuardEvent, Receipt } from '../../src/core';
import { eventsOf } from './has-seen';
import { deferred, until } from './waiting';
import type { WorkerHere } from './worker-here';

type Workflows = Omit<typeof workflows, 'paySignal'>;

/** One running worker. */
export class Resets {
  readonly done: Done[] = [];
  readonly answered: string[] = [];
  /** How many have come to the gate. */
  private waiting = 0;

  private constructor(
    private readonly here: WorkerHere,
    readonly client: Client,
    private readonly taskQueue: string,
    private readonly gate: { open: () => void },
  ) {}

  /** Runs `work` with a worker of its own. What waits at the gate waits until `open`. */
  static async with(
    here: WorkerHere,
    work: (resets: Resets) => Promise<void>,
    bundle: WorkflowBundle = here.workflowBundle,
  ): Promise<void> {
    const gate = deferred();
    const taskQueue = randomUUID();
    const { connection, options } = here.stack.env.client;
    const client = new Client({ connection, namespace: options.namespace });
    const resets = new Resets(here, client, taskQueue, { open: gate.resolve });
    const onEvent = ({ type, requestId }: GuardEvent): void => {
      if (type === 'replayed') resets.answered.push(requestId);
    };
    const atGate = (): Promise<void> => {
      resets.waiting++;
      return gate.promise;
    };
    const activities = resetActivities(resets.done, atGate);
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts, onEvent })];
    await here.withWorker(taskQueue, { activities, plugins, workflowBundle: bundle }, (worker) =>
      worker.runUntil(work(resets).finally(gate.resolve)),
    );
  }

  open(): void {
    this.gate.open();
  }

  async start<N extends keyof Workflows>(
    workflow: N,
    ...args: Parameters<Workflows[N]>
  ): Promise<WorkflowHandle> {
    return this.client.workflow.start(workflow, {
      ...{ args, taskQueue: this.taskQueue, workflowId: `${workflow}-${randomUUID()}` },
      workflowExecutionTimeout: '50s',
      retry: {
        initialInterval: '100ms',
        maximumAttempts: 3,
        nonRetryableErrorTypes: ['WorkflowExecutionAlreadyStartedError'],
      },
    });
  }

  /** The end of the workflow task before, or after, an event. */
  async point(handle: WorkflowHandle, at: { before: number } | { after: number }): Promise<number> {
    const ends = await eventsOf(handle, 'workflowTaskCompletedEventAttributes');
    const found =
      'before' in at ? ends.filter((id) => id < at.before).at(-1) : ends.find((id) => id > at.after);
    if (found === undefined) throw new Error('there is no such workflow task');
    return found;
  }

  predict(workflowId: string, runId?: string, resetTo?: number): Promise<ResetImpact> {
    return resetImpact(this.client, this.here.receipts, { workflowId, runId, resetTo });
  }

  async reset(workflowId: string, runId: string, resetTo: number): Promise<WorkflowHandle> {
    const answer = await this.client.workflowService.resetWorkflowExecution({
      namespace: this.client.options.namespace,
      workflowExecution: { workflowId, runId },
      workflowTaskFinishEventId: resetTo as never, // protobufjs takes a number for a Long
      requestId: randomUUID(),
      reason: 'a test',
    });
    return this.client.workflow.getHandle(workflowId, answer.runId ?? '');
  }

  /** Predicts, resets, waits for the end, and says what was predicted and what happened, in the same words. */
  async compare(handle: WorkflowHandle, runId: string, resetTo: number) {
    const { workflowId } = handle;
    const impact = await this.predict(workflowId, runId, resetTo);
    const epochs = await this.epochs();
    const before = this.done.length;
    this.answered.length = 0;
    const next = await this.reset(workflowId, runId, resetTo);
    this.open();
    await this.client.workflow.getHandle(workflowId).result(); // through continue-as-new
    await next.result();
    const of = (...fates: (string | undefined)[]) =>
      impact.effects.filter(({ fate }) => fates.includes(fate));
    const ids = (effects: readonly { requestId?: string }[]): string[] =>
      [...new Set(effects.map(({ requestId }) => requestId ?? ''))].sort();
    const after = await this.epochs();
    return {
      impact,
      predicted: {
        ran: of('runs', 'mayRun').map(nameOf).sort(),
        answered: ids(of('replayed', 'rejected')),
        untouched: ids(of('kept', 'waits', 'replayed', 'rejected').filter(({ state }) => state)),
      },
      happened: {
        ran: this.done
          .slice(before)
          .map(({ name }) => name)
          .sort(),
        answered: [...new Set(this.answered)].sort(),
        untouched: ids(of('kept', 'waits', 'replayed', 'rejected')).filter(
          (id) => id !== '' && epochs.get(id) !== undefined && after.get(id) === epochs.get(id),
        ),
      },
    };
  }

  /** Waits until so many things were done. */
  async untilDone(count: number): Promise<void> {
    await until(() => this.done.length >= count);
  }

  /** Waits until so many stand at the gate: their calls are in history, and claimed. */
  async untilWaiting(count: number): Promise<void> {
    await until(() => this.waiting >= count);
  }

  private async epochs(): Promise<Map<string, string>> {
    const rows = await this.here.receipts.list({ limit: 1000 });
    const standing = ({ epoch, state, claimedAt }: Receipt): string => `${epoch} ${state} ${claimedAt}`;
    return new Map(rows.map((row) => [row.requestId, standing(row)]));
  }
}

const nameOf = ({ activityType = '', step }: { activityType?: string; step?: string }): string =>
  step === undefined ? activityType : `${activityType}/${step}`;
