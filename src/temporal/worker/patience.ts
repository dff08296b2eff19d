/**
 * Whether Temporal keeps retrying an activity for long enough that an unknown outcome can be resolved, and not for longer than
 * its receipt is kept. Only a running activity knows its retry policy, so that this is said at a call, once per activity and
 * worker.
 */
import type { Context } from '@temporalio/activity';
import type { RetryPolicy } from '@temporalio/common';

import { holdDelayMs, spoken, type GuardedCall } from '../../core';
import { lineOf, type Finding } from './finding';

/** What is looked at. */
export interface PatienceFacts extends Pick<GuardedCall, 'onUnknown' | 'leaseMs' | 'graceMs' | 'waitMs'> {
  readonly activityType: string;
  /** As Temporal sends it: times are milliseconds, and no attempts mean that they are unlimited. */
  readonly retryPolicy: RetryPolicy | undefined;
  /** 0 where there is no limit. */
  readonly scheduleToCloseMs: number;
}

/** The code of {@link impatience}. */
export const patienceCodes = { 'gives-up-early': 'warning' } as const;

/** Somebody who resolves an outcome by hand has to hear of it, ask the provider, and sleep in between. */
const personMs = 24 * 3_600_000;

/** Temporal's own, where a policy names none. */
const defaultIntervalMs = 1000;

/** What to say of an activity that Temporal gives up before its unknown outcome can be resolved. Pure. */
export function impatience(facts: PatienceFacts): Finding | undefined {
  const { onUnknown, activityType, leaseMs, graceMs } = facts;
  const asksProvider = typeof onUnknown === 'function';
  if (!asksProvider && onUnknown !== 'hold') return undefined;
  const neededMs = asksProvider ? leaseMs + graceMs : personMs;
  const reason = givesUpBy(facts, neededMs);
  if (reason === undefined) return undefined;
  const message = asksProvider
    ? `Temporal gives up ${activityType} ${reason}, but its probe's "no" counts only when lease and grace time are over (${spoken(neededMs)}): an unknown outcome stays unknown. Allow more attempts (leave maximumAttempts out), a longer time, or shorten leaseFor and graceFor.`
    : `Temporal gives up ${activityType} ${reason}, but an unknown outcome of it waits for a person, who may need ${spoken(neededMs)}. Leave maximumAttempts out of its retry policy and allow more time, give it a probe, or say onUnknown: 'fail' so that the workflow decides.`;
  return { level: patienceCodes['gives-up-early'], code: 'gives-up-early', message };
}

/** What ends the retries before `neededMs` are over, in words. */
function givesUpBy(facts: PatienceFacts, neededMs: number): string | undefined {
  const { retryPolicy, scheduleToCloseMs } = facts;
  if (retryPolicy?.nonRetryableErrorTypes?.includes('OutcomeUnknown'))
    return 'at once (nonRetryableErrorTypes names OutcomeUnknown)';
  const attempts = retryPolicy?.maximumAttempts || Infinity;
  if (attempts === 1) return 'at once (maximumAttempts is 1)';
  const spentMs = Number.isFinite(attempts) ? timeOfAttempts(facts, attempts, neededMs) : Infinity;
  if (spentMs < neededMs) return `after ${attempts} attempts (about ${spoken(spentMs)})`;
  if (scheduleToCloseMs > 0 && scheduleToCloseMs < neededMs)
    return `after ${spoken(scheduleToCloseMs)} (its schedule-to-close time, or its workflow's time-out)`;
  return undefined;
}

/** The time from the end of the first attempt to the end of the last, as far as it matters. */
function timeOfAttempts(
  { onUnknown, retryPolicy, waitMs }: PatienceFacts,
  attempts: number,
  neededMs: number,
): number {
  const asksProvider = typeof onUnknown === 'function';
  let spentMs = 0;
  // The guard sets the time of the next attempt itself; only the first failure before a probe leaves it to the policy.
  for (let attempt = 1; attempt < attempts && spentMs < neededMs; attempt++) {
    spentMs +=
      asksProvider && attempt === 1
        ? Number(retryPolicy?.initialInterval ?? defaultIntervalMs)
        : holdDelayMs(attempt, asksProvider ? neededMs - spentMs : 0);
  }
  // An attempt that asks again and again does so within the time that it waits.
  return asksProvider ? spentMs + waitMs : spentMs;
}

/** What to say of an activity whose receipt may be pruned while Temporal still retries it. Pure. */
export function forgetfulness({
  activityType,
  retainMs = Infinity,
  scheduleToCloseMs,
}: Pick<PatienceFacts, 'activityType' | 'scheduleToCloseMs'> & Pick<GuardedCall, 'retainMs'>):
  | Finding
  | undefined {
  if (scheduleToCloseMs <= retainMs) return undefined;
  const message = `Receipts of ${activityType} may be pruned after ${spoken(retainMs)} (retainFor), but Temporal may retry it for ${spoken(scheduleToCloseMs)} (its schedule-to-close time, or its workflow's time-out): the retry then fails as ReceiptPruned. Raise retainFor above that.`;
  return { level: 'warning', code: 'retention-short', message };
}

/** Warns of an impatient or a forgetful activity the first time it is called. */
export type PatienceWatch = (context: Context, call: Omit<GuardedCall, 'run'>) => void;

/** A watch for one worker. */
export function patienceWatch(): PatienceWatch {
  const warned = new Set<string>();
  return ({ info, log }, call) => {
    const { activityType, retryPolicy, scheduleToCloseTimeoutMs: scheduleToCloseMs } = info;
    const { onUnknown, leaseMs, graceMs, waitMs, retainMs } = call;
    const terms = { onUnknown, leaseMs, graceMs, waitMs };
    const found = [
      call.transactional ? undefined : impatience({ ...terms, activityType, retryPolicy, scheduleToCloseMs }),
      forgetfulness({ activityType, retainMs, scheduleToCloseMs }),
    ];
    for (const finding of found) {
      const said = `${finding?.code} ${activityType}`;
      if (!finding || warned.has(said)) continue;
      warned.add(said);
      log.warn(lineOf(finding), { code: finding.code });
    }
  };
}
