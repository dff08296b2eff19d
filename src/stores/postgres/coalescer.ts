/** Calls that wait for the database go together: all that wait in one statement, and none waits for more to come. */
import { isFinal, ReceiptStoreUnavailableError } from '../../core';

/** How calls of one kind are sent. */
export interface Sending<Item, Answer> {
  one(item: Item): Promise<Answer>;
  /** The answers by key, for items of which no two have the same; those that are missing are asked for one by one. */
  many(items: readonly Item[]): Promise<ReadonlyMap<string, Answer>>;
  /** Whether calls of one key that wait at the same time are the same question; otherwise each is sent in its own turn. */
  readonly shares: boolean;
  /** Bytes of an item that make a statement long. */
  sizeOf?(item: Item): number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  /** Those that asked the same and get the same answer. */
  sharing: Waiting<Item, Answer>[] | undefined;
}

/** Statements under way at once: one is built and read here while the other one is in the database. More do not help. */
const lanes = 2;

/** Calls in one statement. */
const mostTogether = 256;

/**
 * So many are worth a statement of their own where one can be sent at once: of two halves one is in the database while
 * the other one is built or read. Without it 32 callers go in step, and either side waits for the other (2.4 against 1.9).
 */
const enoughForOne = 16;
const mostBytesTogether = 1_000_000;

/** Whoever comes when so many wait is told to come again: memory is bounded, and so is the time that a call waits. */
const mostWaiting = 20_000;

export class Coalescer<Item extends { readonly key: string }, Answer> {
  private waiting: Waiting<Item, Answer>[] = [];
  private underWay = 0;
  private isScheduled = false;
  /** Told how many calls each statement is for; those that share an answer count as one. */
  onSent: ((size: number) => void) | undefined;

  constructor(private readonly sending: Sending<Item, Answer>) {}

  /** Sends one call, alone or together with others. */
  ask(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length >= mostWaiting)
        throw new ReceiptStoreUnavailableError(
          `${mostWaiting} calls wait for the database already. Retry later.`,
        );
      this.waiting.push({ item, resolve, reject, sharing: undefined });
      this.schedule();
    });
  }

  /** At the end of this turn of the event loop: by then all have asked that the last answer set going. */
  private schedule(): void {
    if (this.isScheduled || this.underWay >= lanes || this.waiting.length === 0) return;
    this.isScheduled = true;
    process.nextTick(() => {
      this.isScheduled = false;
      while (this.underWay < lanes && this.waiting.length > 0) {
        const share = Math.ceil(this.waiting.length / (lanes - this.underWay));
        void this.send(this.take(Math.min(mostTogether, Math.max(enoughForOne, share))));
      }
    });
  }

  /** What waits longest, so many keys at most; of those that share a key the first. */
  private take(most: number): readonly Waiting<Item, Answer>[] {
    const { sending } = this;
    const taken = new Map<string, Waiting<Item, Answer>>();
    let bytes = 0;
    let count = 0;
    for (const call of this.waiting) {
      const first = taken.get(call.item.key);
      if (first && !sending.shares) break;
      bytes += first ? 0 : (sending.sizeOf?.(call.item) ?? 0);
      if (count > 0 && !first && (taken.size === most || bytes > mostBytesTogether)) break;
      if (first) (first.sharing ??= []).push(call);
      else taken.set(call.item.key, call);
      count++;
    }
    this.waiting = this.waiting.slice(count);
    return [...taken.values()];
  }

  /** Never rejects. */
  private async send(calls: readonly Waiting<Item, Answer>[]): Promise<void> {
    this.underWay++;
    this.onSent?.(calls.length);
    try {
      if (calls.length === 1) await this.sendOneByOne(calls);
      else await this.sendTogether(calls);
    } finally {
      this.underWay--;
      this.schedule();
    }
  }

  private async sendTogether(calls: readonly Waiting<Item, Answer>[]): Promise<void> {
    let rest = calls;
    try {
      const answers = await this.sending.many(calls.map(({ item }) => item));
      rest = calls.filter((call) => {
        const answer = answers.get(call.item.key);
        if (answer !== undefined) tell(call, ({ resolve }) => resolve(answer));
        return answer === undefined;
      });
    } catch (error) {
      // What the database refuses for good is the fault of one of them; what passes is everybody's.
      if (!isFinal(error)) {
        for (const call of calls) tell(call, ({ reject }) => reject(error));
        return;
      }
    }
    await this.sendOneByOne(rest);
  }

  private async sendOneByOne(calls: readonly Waiting<Item, Answer>[]): Promise<void> {
    for (const call of calls)
      await this.sending.one(call.item).then(
        (answer) => tell(call, ({ resolve }) => resolve(answer)),
        (error: unknown) => tell(call, ({ reject }) => reject(error)),
      );
  }
}

function tell<W extends { readonly sharing: W[] | undefined }>(call: W, what: (call: W) => void): void {
  what(call);
  call.sharing?.forEach(what);
}
