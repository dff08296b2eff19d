/** The activity by which a workflow writes a decision into the receipts. */
import { Context } from '@temporalio/activity';

import {
  isUnresolved,
  noResult,
  operatorSource,
  type Outcome,
  type Receipt,
  type ReceiptStore,
} from '../../core';
import { keyOfWrittenId } from '../../ids';
import { finalityActivity, resolveActivity, type ResolveAnswer, type ResolveRequest } from '../decisions';
import { awaitFinality } from './await-finality';
import { codecOf } from './converter';

/** The activities that the guard itself needs on a worker. */
export type GuardActivities = Readonly<
  Record<typeof resolveActivity, (request: ResolveRequest) => Promise<ResolveAnswer>> &
    Record<typeof finalityActivity, (requestId: string) => Promise<string>>
>;

/**
 * What a worker registers beside its own activities, so that workflows can write a decision that they waited for
 * (`onUnknown: 'ask'`) into the receipts, and can wait until an outcome is final: `activities: { ...activities,
 * ...guardActivities({ receipts }) }`. `ActivityGuardPlugin` does it by itself. Without it a decision stays pending, and is
 * retried, until a worker has it.
 */
export const guardActivities = ({ receipts }: { readonly receipts: ReceiptStore }): GuardActivities => ({
  [resolveActivity]: (request) => resolveOutcome(receipts, request),
  [finalityActivity]: (requestId) => awaitFinality(receipts, requestId),
});

/** Throws only what a later attempt may mend: the receipts, or a codec, are away. */
async function resolveOutcome(receipts: ReceiptStore, request: ResolveRequest): Promise<ResolveAnswer> {
  const { requestId, epoch } = request;
  const key = keyOfWrittenId(receipts.namespace, requestId);
  const found = (await receipts.get(key))?.receipt;
  if (!found) return { state: 'none', refused: 'these receipts have none of that request id' };
  const early = tooEarly(found, request);
  if (early !== undefined) return { state: found.state, refused: early };
  const { outcome, problem } = await outcomeOf(request);
  if (problem !== undefined) return { state: found.state, refused: problem };
  const { verdict, by, reason: note } = request;
  const done = await receipts.resolve({ key, epoch, verdict, source: operatorSource, by, note, outcome });
  const now = (await receipts.get(key))?.receipt ?? found;
  // An attempt before this one may have done it, and its answer was lost: then the workflow gets what it asked for.
  return { state: now.state, ...(done ? {} : { refused: whyNot(now, epoch) }) };
}

async function outcomeOf({
  verdict,
  hasResult,
  result,
}: ResolveRequest): Promise<{ outcome?: Outcome; problem?: string }> {
  if (verdict !== 'committed') return {};
  if (!hasResult) return { outcome: noResult };
  // As JSON, without the type of the activity's result: whoever decides writes it as it stands in the history.
  const { problem, ...outcome } = await codecOf(Context.current(), undefined).encodeResult(result);
  return problem === undefined
    ? { outcome }
    : {
        problem: `its result cannot be kept: ${problem instanceof Error ? problem.message : 'no reason given'}`,
      };
}

/**
 * Who said that it did not happen looked before he decided: that proves nothing if the effect could still arrive then, and
 * waiting for the moment from which it would count does not make it a later look. So it is refused and not kept.
 */
function tooEarly(receipt: Receipt, { verdict, epoch }: ResolveRequest): string | undefined {
  if (verdict !== 'not-committed' || receipt.epoch !== epoch || !isUnresolved(receipt)) return undefined;
  const openMs = receipt.leaseRemainingMs + receipt.graceMs + sinceDecisionMs();
  return openMs > 0
    ? `it was decided before the lease and the grace time were over, when the effect could still arrive; ask the provider again${stillOpen(receipt)} and decide again`
    : undefined;
}

const stillOpen = ({ leaseRemainingMs, graceMs }: Receipt): string => {
  const ms = leaseRemainingMs + graceMs;
  return ms > 0 ? ` in ${Math.ceil(ms / 1000)} s` : '';
};

/** How long ago the decision was accepted: this activity waited for a worker, and for the receipts. */
function sinceDecisionMs(): number {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs } = Context.current().info;
  return Math.max(
    currentAttemptScheduledTimestampMs - scheduledTimestampMs,
    Date.now() - scheduledTimestampMs,
    0,
  );
}

function whyNot(receipt: Receipt, epoch: number): string {
  if (receipt.epoch !== epoch) return `another attempt (epoch ${receipt.epoch}) has been made since`;
  return isUnresolved(receipt)
    ? 'there is evidence that it was committed (activity-guard show)'
    : `it is ${receipt.state} already`;
}
