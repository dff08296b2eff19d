/** Calls that wait for the database go together: all that wait in one statement, and none waits for more to come. */
import { isFinal, ReceiptStoreUnavailableError } from '../../core';

/** How calls of one kind are sent. */
export interface Sending<Item, Answer> {
  readonly one: (item: Item) => Promise<Answer | undefined>;
  /** The answers by key, for items of which no two have the same. */
  readonly many: (items: readonly Item[]) => Promise<ReadonlyMap<string, Answer>>;
  /** Whether calls of one key that wait at the same time are the same question; otherwise each is sent in its own turn. */
  readonly shares: boolean;
  /** Bytes of an item that make a statement long. */
  readonly sizeOf?: ((item: Item) => number) | undefined;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Statements under way at once: one is built and read here while the other one is in the database. More do not help. */
const lanes = 2;

/** Calls in one statement. */
const mostTogether = 256;
const mostBytesTogether = 1_000_000;

/** Whoever comes when so many wait is told to come again: memory is bounded, and so is the time that a call waits. */
const mostWaiting = 20_000;

export class Coalescer<Item extends { readonly key: string }, Answer> {
  private waiting: Waiting<Item, Answer>[] = [];
  private underWay = 0;
  private isScheduled = false;

  constructor(private readonly sending: Sending<Item, Answer>) {}

  /**
   * Sends one call, alone or together with others.
   * @returns `undefined` where the statement had no row for it
   */
  ask(item: Item): Promise<Answer | undefined> {
    if (this.waiting.length >= mostWaiting)
      throw new ReceiptStoreUnavailableError(
        `${mostWaiting} calls wait for the database already. Retry later.`,
      );
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  /** At the end of this turn of the event loop: by then all have asked that the last answer set going. */
  private schedule(): void {
    if (this.isScheduled || this.underWay >= lanes || this.waiting.length === 0) return;
    this.isScheduled = true;
    process.nextTick(() => {
      this.isScheduled = false;
      while (this.underWay < lanes && this.waiting.length > 0) void this.send(this.take());
    });
  }

  /** What waits longest, by key. */
  private take(): ReadonlyMap<string, readonly Waiting<Item, Answer>[]> {
    const { shares, sizeOf } = this.sending;
    const taken = new Map<string, Waiting<Item, Answer>[]>();
    let bytes = 0;
    let count = 0;
    for (const call of this.waiting) {
      const sharing = taken.get(call.item.key);
      if (sharing && !shares) break;
      bytes += sharing ? 0 : (sizeOf?.(call.item) ?? 0);
      if (count > 0 && !sharing && (taken.size === mostTogether || bytes > mostBytesTogether)) break;
      if (sharing) sharing.push(call);
      else taken.set(call.item.key, [call]);
      count++;
    }
    this.waiting = this.waiting.slice(count);
    return taken;
  }

  /** Never rejects. */
  private async send(taken: ReadonlyMap<string, readonly Waiting<Item, Answer>[]>): Promise<void> {
    this.underWay++;
    const calls = [...taken.values()];
    try {
      if (calls.length === 1) await this.sendAlone(calls[0] ?? []);
      else await this.sendTogether(calls);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }

  private async sendTogether(calls: readonly (readonly Waiting<Item, Answer>[])[]): Promise<void> {
    try {
      const answers = await this.sending.many(calls.flatMap(([first]) => (first ? [first.item] : [])));
      for (const sharing of calls) for (const { item, resolve } of sharing) resolve(answers.get(item.key));
    } catch (error) {
      // What the database refuses for good is the fault of one of them; what passes is everybody's.
      if (isFinal(error)) for (const sharing of calls) await this.sendAlone(sharing);
      else for (const { reject } of calls.flat()) reject(error);
    }
  }

  private async sendAlone(sharing: readonly Waiting<Item, Answer>[]): Promise<void> {
    const [first] = sharing;
    if (!first) return;
    await this.sending.one(first.item).then(
      (answer) => sharing.forEach(({ resolve }) => resolve(answer)),
      (error: unknown) => sharing.forEach(({ reject }) => reject(error)),
    );
  }
}
