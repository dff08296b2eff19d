/** Asking a codec again: those that encrypt need a key service, which may be away for a moment. */
import type { Clock } from './clock';

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
export async function answerBy<T>(clock: Clock, until: number, answer: Promise<T>): Promise<T> {
  const over = new AbortController();
  const overdue = clock.sleep(Math.max(0, until - clock.monotonic()), over.signal).then(() => {
    throw new Error('The data converter did not answer in time.');
  });
  overdue.catch(() => undefined); // lost the race
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, overdue]);
  } finally {
    over.abort();
  }
}
