/** Temporal's own history as a witness: whether the activity that made a claim has completed, and with which result. */
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow';

import type { EvidenceSource, Finding, Receipt } from '../../core';
import { outcomeOfPayloads } from '../outcomes/payload';
import { ownerIn } from '../outcomes/convert';
import { readEvents, type HistoryEvent } from './run-history';

/** What a history says of one activity. */
interface RecordedActivity {
  readonly input: readonly Payload[];
  end: string | undefined;
  /** Of a completed one. */
  result: readonly Payload[] | undefined;
}

type Activities = ReadonlyMap<string, RecordedActivity>;

/** Temporal's own limit is 51,200. */
const mostEvents = 60_000;

/** Receipts of one run come together; what happens meanwhile is seen at the next look. */
const freshMs = 2000;
const mostRuns = 100;

/** The code of gRPC. */
const notFound = 5;

const ends = {
  activityTaskFailedEventAttributes: 'failed',
  activityTaskTimedOutEventAttributes: 'timed out',
  activityTaskCanceledEventAttributes: 'was cancelled',
} as const;

/**
 * Reads outcomes from workflow histories: for a claim whose worker died after Temporal had its result, or whose receipt
 * could not be written. History proves only that an effect happened, and only of an activity that is guarded as a whole by
 * the outermost interceptor of its worker (`ActivityGuardPlugin` notes that in the claim); a failure, a time-out or an
 * absence proves nothing. Steps, local and standalone activities are not covered.
 */
export class TemporalHistoryEvidence implements EvidenceSource {
  readonly name = 'temporal-history';
  private readonly runs = new Map<
    string,
    { readonly at: number; readonly activities: Promise<Activities> }
  >();

  /** @param options `client`: of the Temporal namespace whose workflows are asked about, with the worker's data converter */
  constructor(private readonly options: { readonly client: Client }) {}

  covers({ origin, transactional }: Receipt): boolean {
    return this.isReadable(origin) && origin['outermost'] === 'yes' && !('step' in origin) && !transactional;
  }

  /** Rejects when Temporal cannot be reached; asking again is safe. */
  async ask({ origin }: Receipt): Promise<Finding> {
    const activity = await this.find(origin);
    if (activity === 'no workflow')
      return undetermined('its workflow is not found: perhaps it was deleted, or is past its retention');
    if (!activity) return undetermined('its workflow has no such activity');
    if (activity.end === undefined) return undetermined('its activity has not ended');
    if (activity.end !== 'completed')
      return undetermined(`its activity ${activity.end}, which proves nothing`);
    return {
      verdict: 'committed',
      outcome: outcomeOfPayloads(activity.result),
      note: 'its activity completed',
    };
  }

  /**
   * The arguments of the activity that made a claim, decoded as its worker decodes them; `undefined` where no history has
   * them. Of a step, those of its whole activity.
   */
  async argumentsOf({ origin }: Receipt): Promise<readonly unknown[] | undefined> {
    if (!this.isReadable(origin)) return undefined;
    const activity = await this.find(origin);
    if (!activity || activity === 'no workflow') return undefined;
    const { loadedDataConverter, namespace } = this.options.client.options;
    return decodeArrayFromPayloads(loadedDataConverter, [...activity.input], ownerIn(namespace));
  }

  private isReadable(origin: Receipt['origin']): boolean {
    const { temporalNamespace, workflowId, runId, activityId, local } = origin;
    const isRemote = workflowId !== undefined && runId !== undefined && activityId !== undefined && !local;
    return isRemote && temporalNamespace === this.options.client.options.namespace;
  }

  private async find({
    workflowId = '',
    runId = '',
    activityId = '',
  }: Receipt['origin']): Promise<RecordedActivity | 'no workflow' | undefined> {
    try {
      return (await this.read(workflowId, runId)).get(activityId);
    } catch (error) {
      if ((error as { code?: unknown }).code === notFound) return 'no workflow';
      throw error;
    }
  }

  private read(workflowId: string, runId: string): Promise<Activities> {
    const now = performance.now();
    for (const [key, { at }] of this.runs)
      if (now - at > freshMs || this.runs.size >= mostRuns) this.runs.delete(key);
    const found = this.runs.get(runId);
    if (found) return found.activities;
    const activities = readActivities(this.options.client, workflowId, runId);
    this.runs.set(runId, { at: now, activities });
    return activities;
  }
}

const undetermined = (note: string): Finding => ({ verdict: 'undetermined', note });

async function readActivities(client: Client, workflowId: string, runId: string): Promise<Activities> {
  const byId = new Map<string, RecordedActivity>();
  const byEvent = new Map<number, RecordedActivity>();
  const take = (event: HistoryEvent): void => {
    const { activityTaskScheduledEventAttributes: scheduled } = event;
    if (scheduled) {
      const activity = { input: scheduled.input?.payloads ?? [], end: undefined, result: undefined };
      byId.set(scheduled.activityId ?? '', activity);
      byEvent.set(Number(event.eventId), activity);
    }
    const { activityTaskCompletedEventAttributes: completed } = event;
    const done = byEvent.get(Number(completed?.scheduledEventId));
    if (done) Object.assign(done, { end: 'completed', result: completed?.result?.payloads });
    for (const [name, end] of Object.entries(ends)) {
      const ended = byEvent.get(Number(event[name as keyof typeof ends]?.scheduledEventId));
      if (ended) ended.end = end;
    }
  };
  await readEvents(client, { workflowId, runId }, mostEvents, take);
  return byId;
}
