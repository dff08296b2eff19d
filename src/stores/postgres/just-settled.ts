/** Receipts that were settled here a moment ago: who asks for one at once need not ask the database. */
import { systemClock } from '../../system-clock';
import type { Receipt } from '../../core';

/**
 * Agents and queues ask again at once, or not for long. Longer would keep a superseded receipt from being seen: another
 * process does not tell.
 */
const keptMs = 1000;

const mostKept = 1000;

/** Bytes; larger ones are read again. */
const largestKept = 4096;

export class JustSettled {
  private readonly kept = new Map<string, { readonly receipt: Receipt; readonly until: number }>();

  keep(receipt: Receipt): void {
    if ((receipt.outcome?.bytes.length ?? 0) > largestKept) return;
    const [oldest] = this.kept.keys();
    if (this.kept.size === mostKept && oldest !== undefined) this.kept.delete(oldest);
    this.kept.set(receipt.key, { receipt, until: systemClock.monotonic() + keptMs });
  }

  find(key: string): Receipt | undefined {
    const found = this.kept.get(key);
    if (!found || systemClock.monotonic() < found.until) return found?.receipt;
    this.kept.delete(key);
    return undefined;
  }

  forget(key: string): void {
    this.kept.delete(key);
  }

  forgetAll(): void {
    this.kept.clear();
  }
}
