/** Waiting for an answer no longer than it is of use. */
import type { Clock } from './clock';

/** The answer, or the error of `overdue` once `ms` are over; what comes later is not heard, nor that it failed. */
export function inTime<T>(clock: Clock, ms: number, answer: Promise<T>, overdue: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, ms), () => reject(overdue()));
    answer.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: Error) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** What a step that throws before it gives a promise stands for. */
export const rejected = async (error: unknown): Promise<never> => {
  throw error;
};
