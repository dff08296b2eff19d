/** Waiting for what other processes do. */

const longestMs = 20_000;
const pauseMs = 25;

/** Waits for something to become so; fails when that takes too long. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + longestMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not so after ${longestMs} ms: ${isSo.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A promise to be resolved from outside. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
