/** How often a source may be asked: it has limits of its own, and other callers. */
import type { Clock } from './clock';
import { InvalidRequestError } from './errors';

/** How a source may be asked in one process. Sources that are given the same object share it. */
export interface SourceBudget {
  /** At most so many questions at the same time. */
  readonly atOnce?: number | undefined;
  /** At most so many questions within a second, evenly spread; `0.1` is one in ten seconds. */
  readonly perSecond?: number | undefined;
}

const turnstiles = new WeakMap<SourceBudget, Turnstile>();

/** @returns the one of this budget, with the clock of who came first */
export function turnstileOf(budget: SourceBudget, clock: Clock, usual: SourceBudget): Turnstile {
  const turnstile = turnstiles.get(budget) ?? new Turnstile(clock, { ...usual, ...budget });
  turnstiles.set(budget, turnstile);
  return turnstile;
}

/** @throws InvalidRequestError naming whose budget cannot be kept */
export function checkBudget(of: string, { atOnce = 1, perSecond = 1 }: SourceBudget): void {
  if (!(Number.isInteger(atOnce) || atOnce === Infinity) || atOnce < 1)
    throw new InvalidRequestError(`The budget of ${of}: atOnce takes a whole number from 1.`);
  if (typeof perSecond !== 'number' || !(perSecond > 0))
    throw new InvalidRequestError(`The budget of ${of}: perSecond takes a number above 0.`);
}

/** Who would wait longer for its turn does not: other rows are looked at meanwhile. */
const patienceMs = 5000;

/** A source that is slower than its budget makes everybody wait longer than was seen beforehand. */
const longestWaitMs = 30_000;

/** How late somebody without a turn may be told to come again, and how densely where no budget says so. */
const [latestMs, usualPaceMs] = [10 * 60_000, 10];

interface Waiting {
  readonly since: number;
  readonly go: (done: (() => void) | undefined) => void;
}

/** Lets questions through as a budget allows, in the order in which they came. */
export class Turnstile {
  private readonly atOnce: number;
  private readonly paceMs: number;
  private readonly waiting: Waiting[] = [];
  private asking = 0;
  private nextAt = -Infinity;
  private promisedUntil = -Infinity;
  private isTimed = false;

  constructor(
    private readonly clock: Clock,
    { atOnce = Infinity, perSecond = Infinity }: SourceBudget,
  ) {
    this.atOnce = atOnce;
    this.paceMs = 1000 / perSecond;
  }

  /** @returns what to call when the question is answered; `undefined` for who has no turn soon */
  turn(): Promise<(() => void) | undefined> {
    const since = this.clock.monotonic();
    if (this.waitMs(since) > patienceMs) return Promise.resolve(undefined);
    return new Promise((go) => {
      this.waiting.push({ since, go });
      this.admit();
    });
  }

  /** When it is worth to come again without a turn: ever later, as many as the budget lets through then. */
  laterMs(): number {
    const now = this.clock.monotonic();
    const from = Math.max(this.promisedUntil, now + this.waitMs(now));
    this.promisedUntil = Math.min(from + (this.paceMs || usualPaceMs), now + latestMs);
    return this.promisedUntil - now;
  }

  /** Nobody who waits has a turn any more. */
  close(): void {
    for (const { go } of this.waiting.splice(0)) go(undefined);
  }

  private waitMs(now: number): number {
    return Math.max(0, this.nextAt - now) + this.waiting.length * (this.paceMs || usualPaceMs);
  }

  private admit(): void {
    for (let first = this.waiting[0]; first && this.asking < this.atOnce; first = this.waiting[0]) {
      const now = this.clock.monotonic();
      const isTooLate = now - first.since > longestWaitMs;
      if (!isTooLate && now < this.nextAt) return this.admitIn(this.nextAt - now);
      this.waiting.shift();
      if (isTooLate) {
        first.go(undefined);
        continue;
      }
      this.asking++;
      this.nextAt = now + this.paceMs;
      first.go(() => {
        this.asking--;
        this.admit();
      });
    }
  }

  private admitIn(ms: number): void {
    if (this.isTimed) return;
    this.isTimed = true;
    void this.clock.sleep(ms).then(() => {
      this.isTimed = false;
      this.admit();
    });
  }
}
