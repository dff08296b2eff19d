import { setTimeout as delay } from 'node:timers/promises';
import { TestStackError } from './error';

/** A sink for one line of progress or server output, without a line break. */
export type Log = (line: string) => void;

/** Rejects with `TIMED_OUT` if `work` has not settled in time. The work itself is not cancelled. */
export async function within<T>(limitMs: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new TestStackError('TIMED_OUT', `${what} took longer than ${limitMs / 1000} s`));
    }, limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is true; false once the time is up. */
export async function until(
  limitMs: number,
  pollMs: number,
  isDone: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    if (await isDone()) return true;
    if (performance.now() >= deadline) return false;
    await delay(pollMs);
  }
}

/** The same promise for every call, so that a second `stop()` waits for the first. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => (started ??= work());
}

/** Cuts a stream of chunks into lines and hands over each; an unfinished last line is kept. */
export function lines(sink: Log): (chunk: Buffer | string) => void {
  let rest = '';
  return (chunk) => {
    const parts = (rest + chunk.toString()).split(/\r?\n/);
    rest = parts.pop() ?? '';
    for (const line of parts) if (line.trim() !== '') sink(line);
  };
}
