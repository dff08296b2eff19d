/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/core';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

const mostSteps = 3000;

/** Every promise that can go on without the clock has gone on. */
const quiet = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class FakeClock implements Clock {
  private now = 1000;
  private wallAhead = Date.UTC(2030, 0, 1);
  private readonly sleepers = new Set<Sleeper>();

  monotonic(): number {
    return this.now;
  }

  wall(): number {
    return this.now + this.wallAhead;
  }

  /** Steps the wall clock alone, as a machine that was suspended finds it. */
  stepWall(ms: number): void {
    this.wallAhead += ms;
  }

  /** Moves both clocks while no timer runs, as in a process whose event loop is blocked. */
  stepBlocked(ms: number): void {
    this.now += ms;
  }

  /** How many waits are going on. */
  get sleeping(): number {
    return this.sleepers.size;
  }

  after(ms: number, call: () => void): () => void {
    const cancel = (): void => void this.sleepers.delete(sleeper);
    const sleeper: Sleeper = {
      at: this.now + Math.max(0, ms),
      wake: () => {
        cancel();
        call();
      },
    };
    this.sleepers.add(sleeper);
    return cancel;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const end = (): void => {
        cancel();
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const cancel = this.after(ms, end);
      signal?.addEventListener('abort', end);
    });
  }

  /** Lets `ms` pass, waking each sleeper at its own moment. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    for (let step = 0; step < mostSteps; step++) {
      await quiet();
      const next = this.earliest();
      if (!next || next.at > until) {
        this.now = until;
        return quiet();
      }
      this.now = next.at;
      next.wake();
    }
    throw new Error(`more than ${mostSteps} waits within ${ms} ms`);
  }

  /** Lets time pass, as much as it takes, until `work` has settled. */
  async until<T>(work: Promise<T>, mostMs = 3_600_000): Promise<T> {
    let over = false;
    const mark = (): void => void (over = true);
    work.then(mark, mark);
    const last = this.now + mostMs;
    for (let step = 0; step < mostSteps; step++) {
      await quiet();
      if (over) return work;
      const next = this.earliest();
      if (!next || next.at > last) throw new Error(`hangs: nothing more happens within ${mostMs} ms`);
      this.now = next.at;
      next.wake();
    }
    throw new Error(`hangs: ${mostSteps} waits and no end`);
  }

  private earliest(): Sleeper | undefined {
    return [...this.sleepers].reduce<Sleeper | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined);
  }
}
