/** Writing what became of an effect that was started. */
import type { EncodedOutcome } from './call';
import { endOfAttempt, type CallState } from './call-state';
import { tryAgain } from './codec-retry';
import { ResultUnavailableError } from './errors';
import { noResult, type Outcome, type Receipt } from './receipt';
import { askAgain } from './store-retry';

/** A settle is tried at least this long, even if the attempt's own time is nearly over. */
const leastSettleMs = 2000;

/** Whether a stored outcome says only *that* the effect happened. */
export const hasResult = (outcome: Outcome | undefined): outcome is Outcome =>
  outcome !== undefined && outcome.format !== noResult.format;

export const resultUnavailable = (requestId: string, cause?: unknown): ResultUnavailableError =>
  new ResultUnavailableError(
    `The effect of request id ${requestId} happened, but its result could not be stored or read back; it is not run again. ` +
      'Return something that the data converter can encode and Temporal can carry, and look the result up at the provider.',
    { requestId, cause },
  );

/** How writing a settlement ended; on `'lost'` the row stays as it is and becomes unknown with its lease. */
export type SettleAnswer = 'written' | 'late' | 'unknown' | 'lost';

/**
 * Writes an outcome under the claim's own token, again and again while the attempt may live.
 * Never throws: what the provider did is not undone by a database that is away.
 */
export async function writeSettlement(
  state: CallState,
  claim: Receipt,
  settled: 'committed' | 'rejected',
  outcome: Outcome,
): Promise<SettleAnswer> {
  const { env, request } = state;
  const until = endOfAttempt(state, leastSettleMs);
  const { key, token } = request;
  // Of a claim in doubt a rejection would say nothing: only its row knows.
  const anew = claim.doubt ? undefined : { ...request, claimedAt: claim.claimedAt };
  const settlement = { key, token, epoch: claim.epoch, state: settled, outcome, claim: anew };
  try {
    const answer = await askAgain(state, () => env.store.settle(settlement), until);
    if (answer === settled) {
      state.emit('settled', { verdict: settled });
      return 'written';
    }
    state.emit(answer === 'late' ? 'late' : 'unknown', { verdict: settled });
    return answer === 'late' ? 'late' : 'unknown';
  } catch {
    return 'lost';
  }
}

/** Encodes what an effect ended with, again and again for a while: the codec may depend on something that is away. */
export function encodePatiently(
  state: CallState,
  encode: () => Promise<EncodedOutcome>,
): Promise<EncodedOutcome> {
  return tryAgain(state.env.clock, endOfAttempt(state, leastSettleMs), encode);
}

/**
 * The stored form of a result. What cannot be encoded is still known to have happened; `passing` tells that another
 * time it might be encoded.
 */
export async function encodeResult(
  state: CallState,
  value: unknown,
): Promise<{ outcome: Outcome; problem?: unknown; passing?: boolean }> {
  try {
    const { format, bytes, problem } = await encodePatiently(state, () =>
      state.call.codec.encodeResult(value),
    );
    return { outcome: { format, bytes }, problem };
  } catch (problem) {
    return { outcome: noResult, problem: problem ?? new Error('no reason given'), passing: true };
  }
}
