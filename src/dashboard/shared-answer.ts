/** One question to the database for all who look at a page, however many they are. */
import { setTimeout as delay } from 'node:timers/promises';

/** An answer, and when it was asked for. */
export interface Answer<T> {
  readonly value: T;
  readonly at: number;
}

/** A question may keep the database busy for a tenth of the time, whatever it costs. */
const pausePerCost = 9;

/** Nobody waits longer for a new answer where there is an old one, which says how old it is. */
const patienceMs = 1000;

export class SharedAnswer<T> {
  #asking: Promise<Answer<T>> | undefined;
  #last: Answer<T> | undefined;
  #goodUntil = -Infinity;
  #changes = 0;

  /** @param leastMs so long an answer is good at least */
  constructor(
    private readonly ask: () => Promise<T>,
    private readonly leastMs: number,
    private readonly now: () => number,
  ) {}

  async get(): Promise<Answer<T>> {
    if (this.#last && this.now() < this.#goodUntil) return this.#last;
    this.#asking ??= this.#answer().finally(() => (this.#asking = undefined));
    return this.#last
      ? Promise.race([this.#asking, delay(patienceMs, this.#last, { ref: false })])
      : this.#asking;
  }

  /** Something has changed: it is asked anew as soon as somebody wants to know. */
  expire(): void {
    this.#changes++;
    this.#goodUntil = -Infinity;
  }

  async #answer(): Promise<Answer<T>> {
    const changes = this.#changes;
    const at = this.now();
    const value = await this.ask();
    const end = this.now();
    if (changes === this.#changes) this.#goodUntil = end + Math.max(this.leastMs, pausePerCost * (end - at));
    this.#last = { value, at };
    return this.#last;
  }
}
