/** Receipts that were settled here a moment ago: who asks for one at once need not ask the database. */
import { systemClock } from '../../system-clock';
import type { Receipt } from '../../core';
import type { WholeSettlement } from './parameters';
import { settledOf } from './rows';

/**
 * Agents and queues ask again at once, or not for long. Longer would keep a superseded receipt from being seen: another
 * process does not tell.
 */
const keptMs = 1000;

const mostKept = 1000;

/** Bytes; larger ones are read again. */
const largestKept = 4096;

interface Kept {
  readonly settlement: WholeSettlement;
  /** When, by the database, in milliseconds since 1970. */
  readonly settledMs: unknown;
  readonly until: number;
}

export class JustSettled {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly namespace: string) {}

  /**
   * Keeps what a settlement wrote, unless it is not final.
   * @param settledMs `null` where it had been settled before, with an outcome that is not known here
   */
  keep(settlement: WholeSettlement, settledMs: unknown): void {
    const { key, outcome, claim } = settlement;
    if (settledMs === null || claim.request.finality || outcome.bytes.length > largestKept) return;
    if (this.kept.size === mostKept) {
      const [oldest] = this.kept.keys();
      if (oldest !== undefined) this.kept.delete(oldest);
    }
    this.kept.set(key, { settlement, settledMs, until: systemClock.monotonic() + keptMs });
  }

  find(key: string): Receipt | undefined {
    const found = this.kept.get(key);
    if (!found) return undefined;
    if (systemClock.monotonic() < found.until)
      return settledOf(this.namespace, found.settlement, found.settledMs);
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
