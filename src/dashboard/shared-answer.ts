/** One question to the database for all who look at a page, however many they are. */

/** An answer, and when it was asked for. */
export interface Answer<T> {
  readonly value: T;
  readonly at: number;
}

/** A question may keep the database busy for a tenth of the time, whatever it costs. */
const pausePerCost = 9;

export class SharedAnswer<T> {
  #current: Promise<Answer<T>> | undefined;
  #goodUntil = Infinity;

  /** @param leastMs so long an answer is good at least */
  constructor(
    private readonly ask: () => Promise<T>,
    private readonly leastMs: number,
    private readonly now: () => number,
  ) {}

  get(): Promise<Answer<T>> {
    if (this.#current && this.now() < this.#goodUntil) return this.#current;
    this.#goodUntil = Infinity; // until it is there, everybody waits for the same
    const asked = this.#answer();
    this.#current = asked;
    asked.catch(() => this.#forget(asked));
    return asked;
  }

  /** Something has changed: what is asked from now on is asked anew. */
  forget(): void {
    this.#forget(this.#current);
  }

  #forget(answer: Promise<Answer<T>> | undefined): void {
    if (this.#current === answer) this.#current = undefined;
  }

  async #answer(): Promise<Answer<T>> {
    const at = this.now();
    const value = await this.ask();
    const end = this.now();
    this.#goodUntil = end + Math.max(this.leastMs, pausePerCost * (end - at));
    return { value, at };
  }
}
