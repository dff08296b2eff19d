/** Waiting for an answer no longer than it is of use. */
import type { Clock } from './clock';

/** The answer, or the error of `overdue` once `ms` are over; what comes later is not heard, nor that it failed. */
export async function inTime<T>(
  clock: Clock,
  ms: number,
  answer: Promise<T>,
  overdue: () => Error,
): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(Math.max(0, ms), over.signal).then(() => {
    throw overdue();
  });
  late.catch(() => undefined); // lost the race
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}
