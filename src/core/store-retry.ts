/** Asking the store again after a lost answer: every step is idempotent by its token. */
import type { CallState } from './call-state';
import { ActivityGuardError, ReceiptStoreUnavailableError } from './errors';
import { inTime } from './in-time';

const firstDelayMs = 50;
const mostDelayMs = 1000;

/** A store that has not answered by then counts as away; the step may still take effect, under the same token. */
const longestAnswerMs = 10_000;

/** Errors that asking again cannot mend carry `transient: false`; a store sets it from SQLSTATE. */
export const isFinal = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && (error as { transient?: unknown }).transient === false;

/**
 * Repeats a step of the store until it answers or the time is up.
 * @throws ReceiptStoreUnavailableError with the last error as its cause
 */
export async function askAgain<T>(
  state: CallState,
  step: () => Promise<T>,
  until = state.askUntil,
): Promise<T> {
  const { clock } = state.env;
  for (let delay = firstDelayMs; ; delay = Math.min(delay * 2, mostDelayMs)) {
    try {
      return await answerOf(state, step(), until - clock.monotonic());
    } catch (error) {
      if (error instanceof ActivityGuardError && error.code !== 'ReceiptStoreUnavailable') throw error;
      state.emit('store-error', {
        by: error instanceof Error ? ((error as { code?: string }).code ?? error.name) : undefined,
      });
      if (isFinal(error) || clock.monotonic() + delay > until) throw unavailable(state.call.requestId, error);
    }
    await clock.sleep(delay);
  }
}

function answerOf<T>(state: CallState, answer: Promise<T>, leftMs: number): Promise<T> {
  const limitMs = Math.max(0, Math.min(longestAnswerMs, leftMs));
  const overdue = (): Error =>
    new ReceiptStoreUnavailableError(
      `The receipts did not answer within ${Math.round(limitMs)} ms. Retry later.`,
      { requestId: state.call.requestId },
    );
  return inTime(state.env.clock, limitMs, answer, overdue);
}

const unavailable = (requestId: string, cause: unknown): ActivityGuardError =>
  cause instanceof ActivityGuardError
    ? cause
    : new ReceiptStoreUnavailableError(
        `The receipts cannot be reached, so nothing is run for request id ${requestId}. Check the database, then retry.`,
        { requestId, cause },
      );
