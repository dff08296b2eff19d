/** Asking a codec again: those that encrypt need a key service, which may be away for a moment. */
import type { Clock } from './clock';
import { inTime, rejected } from './in-time';

const firstDelayMs = 100;
const delayGrowth = 3;
const mostTries = 5;

/** Most codecs answer at once: then there is nothing to wait for, and nothing to keep for it. */
const isAwaited = <T>(answer: T | Promise<T>): answer is Promise<T> =>
  typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';

/**
 * Tries a step up to five times within about four seconds, and never beyond `until`.
 * @throws the last error of the step, or that it did not answer; by the promise, unless the first try answers at once
 */
export function tryAgain<T>(clock: Clock, until: number, step: () => T | Promise<T>): T | Promise<T> {
  let first: T | Promise<T>;
  try {
    first = step();
    if (!isAwaited(first)) return first;
  } catch (error) {
    first = rejected(error);
  }
  return keepTrying(clock, until, step, first);
}

async function keepTrying<T>(
  clock: Clock,
  until: number,
  step: () => T | Promise<T>,
  first: Promise<T>,
): Promise<T> {
  for (let tries = 1, delayMs = firstDelayMs; ; tries++, delayMs *= delayGrowth) {
    try {
      return await answerBy(clock, until, tries === 1 ? first : step());
    } catch (error) {
      if (tries === mostTries || clock.monotonic() + delayMs > until) throw error;
    }
    await clock.sleep(delayMs);
  }
}

/** The answer, or an error once the time is up: a key service that hangs must not keep the attempt for ever. */
export const answerBy = <T>(clock: Clock, until: number, answer: T | Promise<T>): T | Promise<T> =>
  isAwaited(answer)
    ? inTime(
        clock,
        until - clock.monotonic(),
        answer,
        () => new Error('The data converter did not answer in time.'),
      )
    : answer;
