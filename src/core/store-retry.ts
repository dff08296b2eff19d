/** Asking the store again after a lost answer: every step is idempotent by its token. */
import type { CallState } from './call-state';
import { ActivityGuardError, nameOf, ReceiptStoreUnavailableError } from './errors';
import { inTime, rejected } from './in-time';

const firstDelayMs = 50;
const mostDelayMs = 1000;

/** A store that has not answered by then counts as away; the step may still take effect, under the same token. */
export const longestAnswerMs = 10_000;

/** Errors that asking again cannot mend carry `transient: false`; a store sets it from SQLSTATE. */
export const isFinal = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && (error as { transient?: unknown }).transient === false;

/**
 * Repeats a step of the store until it answers or the time is up. Thousands of calls wait here at a time: what is kept
 * for one of them is little, until its first question has failed.
 * @throws ReceiptStoreUnavailableError with the last error as its cause
 */
export const askAgain = <T>(state: CallState, step: () => Promise<T>, until = state.askUntil): Promise<T> =>
  ask(state, step, until).catch((error: unknown) => keepAsking(state, step, until, error));

async function keepAsking<T>(
  state: CallState,
  step: () => Promise<T>,
  until: number,
  first: unknown,
): Promise<T> {
  const { clock } = state.env;
  let error = first;
  for (let delay = firstDelayMs; ; delay = Math.min(delay * 2, mostDelayMs)) {
    if (error instanceof ActivityGuardError && error.code !== 'ReceiptStoreUnavailable') throw error;
    state.emit('store-error', { by: nameOf(error) });
    if (isFinal(error) || clock.monotonic() + delay > until) throw unavailable(state.call.requestId, error);
    await clock.sleep(delay);
    try {
      return await ask(state, step, until);
    } catch (next) {
      error = next;
    }
  }
}

function ask<T>(state: CallState, step: () => Promise<T>, until: number): Promise<T> {
  const { clock } = state.env;
  const limitMs = Math.max(0, Math.min(longestAnswerMs, until - clock.monotonic()));
  const overdue = (): Error =>
    new ReceiptStoreUnavailableError(
      `The receipts did not answer within ${Math.round(limitMs)} ms. Retry later.`,
      { requestId: state.call.requestId },
    );
  try {
    return inTime(clock, limitMs, step(), overdue);
  } catch (error) {
    return rejected(error);
  }
}

const unavailable = (requestId: string, cause: unknown): ActivityGuardError =>
  cause instanceof ActivityGuardError
    ? cause
    : new ReceiptStoreUnavailableError(
        `The receipts cannot be reached, so nothing is run for request id ${requestId}. Check the database, then retry.`,
        { requestId, cause },
      );
