/** Who can be asked what became of an effect. */
import type { SourceBudget } from './budget';
import type { Outcome, Receipt } from './receipt';

/** What a source says. Make no guess: `'undetermined'` where it does not surely know. */
export interface Finding {
  readonly verdict: 'committed' | 'not-committed' | 'undetermined';
  /** The result, for `'committed'`; without one, only that it happened is known. */
  readonly outcome?: Outcome | undefined;
  /** Why, in words, for people. Never payloads. */
  readonly note?: string | undefined;
}

/** Something that may know what became of an effect whose outcome is unknown. */
export interface EvidenceSource {
  /** Under which its evidence is kept, such as `'temporal-history'`. */
  readonly name: string;
  /** How often it is asked at most in one process. What is over it waits, and holds up nothing else. */
  readonly budget?: SourceBudget | undefined;
  /** Whether it is worth asking of this receipt; always unless given. */
  covers?(receipt: Receipt): boolean;
  /**
   * Asked again, at growing intervals, until it is conclusive; what it throws counts as `'undetermined'`. A "no" counts
   * only if it was asked after the end of the claim's lease and grace time.
   * @param signal aborted when the answer comes too late to be used
   */
  ask(receipt: Receipt, signal: AbortSignal): Promise<Finding>;
}
