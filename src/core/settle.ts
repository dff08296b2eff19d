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
    `The effect of request id ${requestId} happened, but its result could not be stored or read back, or was pruned; it is not run again. ` +
      'Return something that the data converter can encode and Temporal can carry, and look the result up at the provider.',
    { requestId, cause },
  );

/** How writing a settlement ended; on `'lost'` the row stays as it is and becomes unknown with its lease. */
export type SettleAnswer = 'written' | 'late' | 'unknown' | 'lost';

/**
 * Writes an outcome under the claim's own token, again and again while the attempt may live.
 * Never throws: what the provider did is not undone by a database that is away.
 */
export function writeSettlement(
  state: CallState,
  claim: Receipt,
  settled: 'committed' | 'rejected',
  { format, bytes }: Outcome,
): Promise<SettleAnswer> {
  const { env, request } = state;
  const settlement = {
    key: request.key,
    token: request.token,
    epoch: claim.epoch,
    state: settled,
    outcome: { format, bytes },
    // Of a claim in doubt a rejection would say nothing: only its row knows.
    claim: claim.doubt ? undefined : { request, claimedAt: claim.claimedAt },
  };
  return askAgain(state, () => env.store.settle(settlement), endOfAttempt(state, leastSettleMs))
    .then((answer): SettleAnswer => {
      const isWritten = answer === settled;
      state.emit(isWritten ? 'settled' : answer === 'late' ? 'late' : 'unknown', { verdict: settled });
      return isWritten ? 'written' : answer === 'late' ? 'late' : 'unknown';
    })
    .catch(() => {
      state.emit('unwritten', { verdict: settled });
      return 'lost';
    });
}

/** What an effect ended with, as it is stored; `passing` tells that another time it might be encoded. */
export type Encoded = EncodedOutcome & { readonly passing?: boolean };

/**
 * Encodes what an effect ended with, again and again for a while: the codec may depend on something that is away. What
 * cannot be encoded is still known to have happened. Never throws.
 */
export function encodePatiently(
  state: CallState,
  encode: () => EncodedOutcome | Promise<EncodedOutcome>,
): Encoded | Promise<Encoded> {
  const encoded = tryAgain(state.env.clock, endOfAttempt(state, leastSettleMs), encode);
  return encoded instanceof Promise ? encoded.catch(unencoded) : encoded;
}

const unencoded = (problem: unknown): Encoded => ({
  ...noResult,
  problem: problem ?? new Error('no reason given'),
  passing: true,
});

export const encodeResult = (state: CallState, value: unknown): Encoded | Promise<Encoded> =>
  encodePatiently(state, () => state.call.codec.encodeResult(value));
