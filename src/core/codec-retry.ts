/** Asking a codec again: those that encrypt need a key service, which may be away for a moment. */
import type { Clock } from './clock';
import { inTime } from './in-time';

const firstDelayMs = 100;
const delayGrowth = 3;
const mostTries = 5;

/**
 * Tries a step up to five times within about four seconds, and never beyond `until`.
 * @throws the last error of the step, or that it did not answer
 */
export async function tryAgain<T>(clock: Clock, until: number, step: () => Promise<T>): Promise<T> {
  for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs *= delayGrowth) {
    try {
      return await answerBy(clock, until, step());
    } catch (error) {
      if (tries === mostTries || clock.monotonic() + delayMs > until) throw error;
    }
    await clock.sleep(delayMs);
  }
}

/** The answer, or an error once the time is up: a key service that hangs must not keep the attempt for ever. */
export const answerBy = <T>(clock: Clock, until: number, answer: Promise<T>): Promise<T> =>
  inTime(
    clock,
    until - clock.monotonic(),
    answer,
    () => new Error('The data converter did not answer in time.'),
  );
