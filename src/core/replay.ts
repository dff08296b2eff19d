/** Giving a settled outcome to a later caller. */
import type { CallOutcome } from './call';
import { endOfAttempt, holdDelayMs, type CallState } from './call-state';
import { answerBy } from './codec-retry';
import { RejectedError, ResultUnavailableError } from './errors';
import { compensated, type Outcome, type Receipt } from './receipt';
import { hasResult, resultUnavailable } from './settle';

/** A stored outcome is read for at least this long, even if the attempt's own time is nearly over. */
const leastReadMs = 2000;

/**
 * The outcome of a settled receipt.
 * @throws ResultUnavailableError retryable where the bytes are there and cannot be read now, final where they never will be
 */
export async function replay(state: CallState, receipt: Receipt): Promise<CallOutcome> {
  const { outcome, key, requestId } = receipt;
  if (!hasResult(outcome)) throw resultUnavailable(requestId);
  if (outcome.format === compensated.format)
    return { kind: 'rejected', error: undone(receipt), replayed: true, key, requestId };
  const { codec } = state.call;
  const read = (decode: (outcome: Outcome) => unknown): Promise<unknown> =>
    readBack(state, receipt, () => decode(outcome));
  return receipt.state === 'rejected'
    ? { kind: 'rejected', error: await read((o) => codec.decodeFailure(o)), replayed: true, key, requestId }
    : { kind: 'result', value: await read((o) => codec.decodeResult(o)), replayed: true, key, requestId };
}

const undone = ({ requestId, action }: Receipt): RejectedError =>
  new RejectedError(`${action} happened and has been undone by an operator.`, {
    requestId,
    type: 'Compensated',
  });

async function readBack(state: CallState, receipt: Receipt, decode: () => unknown): Promise<unknown> {
  const { requestId } = receipt;
  try {
    return await answerBy(state.env.clock, endOfAttempt(state, leastReadMs), decode());
  } catch (cause) {
    if (cause instanceof ResultUnavailableError)
      throw new ResultUnavailableError(cause.message, { requestId, cause: cause.cause });
    throw new ResultUnavailableError(
      `The stored outcome of request id ${requestId} (${receipt.state}) could not be decoded now; nothing is run again. ` +
        'Check the data converter, its codec and its keys: the outcome is read again on the next attempt.',
      { requestId, cause, retryable: true, retryAfterMs: holdDelayMs(state.call.attempt) },
    );
  }
}
