/**
 * What a workflow that runs again shows of its request ids: a receipt that an equal call after a failure was given, and
 * arguments that are others than before, which make a new intent of an old one. Both may be right, so both are only said.
 */
import type { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';

import type { CallOutcome } from '../../core';
import { callSiteOf } from '../../ids';
import {
  longestReadMs,
  mostEvents,
  readEvents,
  type HistoryEvent,
  type RunOfWorkflow,
} from '../client/run-history';
import { readHeader, type CallHeader, type ReadCallHeader } from '../header';

/** Looks at how a call ended. Never waits, and never fails the call. */
export type RerunWatch = (context: Context, call: ReadCallHeader, outcome: CallOutcome) => void;

/** A call as an earlier run made it. */
interface EarlierCall {
  readonly type: string;
  readonly id: string;
}

/** The calls of one run, by activity id. */
type EarlierCalls = ReadonlyMap<string, EarlierCall>;

/** Histories are read one after the other; where so many wait already, a further one is not looked at. */
const mostWaiting = 100;

/** A watch for one worker. */
export function rerunWatch(): RerunWatch {
  const earlier = new EarlierRuns();
  return (context, { id, since, rerunOf }, outcome) => {
    if (outcome.kind === 'delegated') return;
    const isScheduledAgain = context.info.isLocal && context.info.attempt > 1;
    if (since !== undefined && outcome.replayed && !isScheduledAgain)
      saySameIntent(context, outcome.requestId);
    if (id === undefined || rerunOf === undefined || since !== undefined || outcome.replayed) return;
    void earlier.callsOf(context, rerunOf).then(
      (calls) => compare(context, id, calls?.get(context.info.activityId)),
      () => undefined, // the history is gone, or may not be read
    );
  };
}

/** Protocol: an identical call that was meant as new gets the earlier one's receipt. That must not go unseen. */
function saySameIntent({ log, metricMeter, info }: Context, requestId: string): void {
  metricMeter
    .createCounter(
      'activity_guard_same_intent_replays',
      undefined,
      'Calls after a failure that got its receipt',
    )
    .add(1, { activityType: info.activityType });
  log.info(
    `activity-guard: ${info.activityType} was called again after a failure that had left it open, and got the receipt of that same intent. If it was meant as a new one, use withRequestId, or an argument that differs.`,
    { requestId },
  );
}

function compare({ info, log, metricMeter }: Context, id: string, before: EarlierCall | undefined): void {
  if (!before || before.type !== info.activityType) return;
  const [then, now] = [callSiteOf(before.id), callSiteOf(id)];
  if (!then || !now || then.site !== now.site || then.argsHash === now.argsHash) return;
  metricMeter
    .createCounter(
      'activity_guard_changed_arguments',
      undefined,
      'Calls of repeated runs with other arguments',
    )
    .add(1, { activityType: info.activityType });
  log.warn(
    `activity-guard: ${info.activityType} was called with other arguments than before its workflow was reset or retried, so it was a new intent, and ran. If an argument changes whenever the workflow runs again (a fresh uuid, the time), leave it out with withFingerprint, or name the intent with withRequestId.`,
    { requestId: id, requestIdBefore: before.id, workflowId: info.workflowExecution?.workflowId },
  );
}

/** The calls of the last runs that others repeat. */
class EarlierRuns {
  private readonly known = new Map<string, Promise<EarlierCalls>>();
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  async callsOf({ client, info }: Context, runId: string): Promise<EarlierCalls | undefined> {
    const workflowId = info.workflowExecution?.workflowId ?? '';
    const known = this.known.get(runId);
    if (known || this.waiting >= mostWaiting) return known;
    this.waiting++;
    const calls = this.last.then(() => read(client, { workflowId, runId }));
    // What could not be read now can be another time.
    this.last = calls.catch(() => this.known.delete(runId)).then(() => this.waiting--);
    this.known.set(runId, calls);
    const [oldest] = this.known.keys();
    if (this.known.size > mostWaiting && oldest !== undefined) this.known.delete(oldest);
    return calls;
  }
}

async function read(client: Client, run: RunOfWorkflow): Promise<EarlierCalls> {
  const calls = new Map<string, EarlierCall>();
  const take = ({ activityTaskScheduledEventAttributes: scheduled }: HistoryEvent): void => {
    const header: ReadCallHeader | undefined = readHeader<CallHeader>(scheduled?.header?.fields ?? {});
    const id = header?.id;
    if (scheduled?.activityId && typeof id === 'string')
      calls.set(scheduled.activityId, { type: scheduled.activityType?.name ?? '', id });
  };
  // Others wait for this one: a server that does not answer must not keep them for ever.
  await client.withDeadline(Date.now() + longestReadMs, () => readEvents(client, run, mostEvents, take));
  return calls;
}
