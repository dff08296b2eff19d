/** Calls of one process that wait for each other: they look again as soon as the one before them has ended. */
import type { Clock } from './clock';

export class Ends {
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(private readonly clock: Clock) {}

  /** A call on this key has ended here, and has written what it knows. */
  tell(key: string): void {
    for (const wake of this.waiting.get(key) ?? []) wake();
  }

  /** Waits for `ms`, until the signal aborts, or until a call on the key ends in this process. */
  wait(key: string, ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const waiting = this.waiting.get(key) ?? new Set();
      this.waiting.set(key, waiting);
      const wake = (): void => {
        cancel();
        signal?.removeEventListener('abort', wake);
        waiting.delete(wake);
        if (waiting.size === 0 && this.waiting.get(key) === waiting) this.waiting.delete(key);
        resolve();
      };
      const cancel = this.clock.after(ms, wake);
      signal?.addEventListener('abort', wake);
      waiting.add(wake);
    });
  }
}
