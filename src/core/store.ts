/** The port between the guard and where its receipts are kept. Every method is one atomic, guarded step. */
import type {
  Evidence,
  FinalityTerms,
  Origin,
  Outcome,
  PolicyName,
  Receipt,
  ReceiptState,
  Verdict,
} from './receipt';

/** A claim to be written before the effect. */
export interface ClaimRequest {
  readonly key: string;
  readonly requestId: string;
  readonly action: string;
  readonly fingerprint: string;
  /** Random, made before asking: asking again with it after a lost answer is the same claim. */
  readonly token: string;
  readonly leaseMs: number;
  readonly policy: PolicyName;
  readonly origin: Origin;
  /** The effect commits together with its receipt, or not at all. */
  readonly transactional: boolean;
  /** For so long after the lease's end the effect may still arrive, or not be seen yet: no "no" counts. */
  readonly graceMs: number;
  /** How long the settled receipt is kept at least, in milliseconds; the pruner's own time unless given. */
  readonly retainMs?: number | undefined;
  /**
   * An earlier attempt at this intent may have claimed it up to this many milliseconds ago. Where the database has
   * failed over since, and there is no row, the claim was perhaps lost: then the row is inserted as unknown.
   */
  readonly mayBeOlderMs?: number | undefined;
  /** When the outcome is final; once it is settled unless given. */
  readonly finality?: FinalityTerms | undefined;
}

/** A claim on an existing row: compare-and-set on the epoch that the caller saw. */
export interface TakeOverRequest extends ClaimRequest {
  readonly epoch: number;
  /** Also take over an unknown row (the `'retry'` policy); otherwise only a released one. */
  readonly fromUnknown: boolean;
}

/** Names a claim that the caller holds. */
export interface HeldClaim {
  readonly key: string;
  readonly token: string;
}

/** A settled outcome, to be written by the holder. */
export interface Settlement extends HeldClaim {
  readonly epoch: number;
  readonly state: 'committed' | 'rejected';
  readonly outcome: Outcome;
  /** The claim as it was asked for: where its row is gone (lost in a failover), the receipt is written anew. */
  readonly claim?: { readonly request: ClaimRequest; readonly claimedAt: string } | undefined;
}

/** A resolution by evidence: compare-and-set on the epoch that the evidence speaks of. */
export interface Resolution {
  readonly key: string;
  readonly epoch: number;
  /** `'compensated'`: it happened and has been undone, which every caller gets as a rejection. */
  readonly verdict: 'committed' | 'not-committed' | 'compensated';
  readonly source: string;
  /** Which person says so. */
  readonly by?: string | undefined;
  readonly note?: string | undefined;
  /** The result, for `'committed'`. */
  readonly outcome?: Outcome | undefined;
  /** What was seen before deciding: where it has changed since, nothing is done or kept. */
  readonly seen?: SeenReceipt | undefined;
}

/** What somebody saw of a receipt. */
export interface SeenReceipt {
  readonly state: ReceiptState;
  /** How many pieces of evidence there were. */
  readonly evidence: number;
}

/** What a source says, to be kept beside the receipt whatever its state. */
export interface NewEvidence {
  readonly key: string;
  /** The epoch of the claim it speaks of. */
  readonly epoch: number;
  readonly source: string;
  readonly verdict: Verdict;
  readonly by?: string | undefined;
  readonly note?: string | undefined;
  readonly outcome?: Outcome | undefined;
  /** It contradicts what is on file: marks the receipt as contested, where that can still change something. */
  readonly contests?: boolean | undefined;
}

/** An operator lets an intent happen once more: compare-and-set on what was seen. */
export interface Supersession {
  readonly key: string;
  readonly epoch: number;
  readonly state: ReceiptState;
  readonly source: string;
  readonly by?: string | undefined;
  readonly note?: string | undefined;
}

/** A receipt whose turn it is to be looked at. */
export interface DueReceipt {
  readonly receipt: Receipt;
  readonly evidence: readonly Evidence[];
  /** How often it has been looked at before. */
  readonly looks: number;
}

/** What may be pruned. */
export interface PruneRequest {
  /** Settled at least this long ago, where the claim named no time of its own. */
  readonly retainMs: number;
  /** At most this many at once; 10,000 unless given. */
  readonly limit?: number;
  /**
   * Only drops results of more bytes than this, and keeps the receipts: a later call on one fails as `ResultUnavailable`.
   * Otherwise whole receipts become tombstones.
   */
  readonly resultsOverBytes?: number | undefined;
}

/** Which receipts to list. */
export interface ListFilter {
  readonly states?: readonly ReceiptState[];
  /** Only what needs somebody: unknown, or claimed with a lease that ran out. */
  readonly unresolved?: boolean;
  /** Only what is held for a person, because sources contradict each other. */
  readonly contested?: boolean;
  /** Only what this workflow claimed, whichever of its runs: its `origin.workflowId`. A tombstone has none any more. */
  readonly workflowId?: string;
  /** Only ids first claimed at or after this time, ISO 8601; a bound keeps the listing from reading every row. */
  readonly claimedSince?: string;
  /** Only ids first claimed before this time, ISO 8601. */
  readonly claimedBefore?: string;
  /** Only receipts of this action. */
  readonly action?: string;
  /** Only keys after this one, in the order of the keys: for going through all, page by page. */
  readonly afterKey?: string;
  /** Without outcomes, which may be large: as if there were none. */
  readonly omitOutcomes?: boolean;
  /** At most this many; 100 unless given. */
  readonly limit?: number;
}

/** How much needs somebody. */
export interface OutstandingCounts {
  /** Unknown, or claimed with a lease that ran out. */
  readonly unresolved: number;
  /** How long ago the oldest of them was first claimed. */
  readonly oldestUnresolvedMs?: number | undefined;
  /** Held for a person, because sources contradict each other. */
  readonly contested: number;
}

/** Counts over all receipts of the namespace. */
export interface ReceiptStats extends OutstandingCounts {
  readonly states: Readonly<Record<ReceiptState, number>>;
  readonly evidence: readonly {
    readonly source: string;
    readonly verdict: Verdict;
    readonly count: number;
  }[];
}

/** What goes together in one statement. */
export type BatchKind = 'claims' | 'settlements';

/** What a store knows of itself, for the checks before a worker starts. */
export interface StoreDescription {
  /** Only this process sees the receipts. */
  readonly processOnly?: boolean | undefined;
  /** How far the store's clock is ahead of this machine's, at least; negative where it is behind. */
  readonly clockSkewMs?: number | undefined;
  /** How many connections to it this store has at most. */
  readonly poolSize?: number | undefined;
  /** Whether a failover, after which claims may be missing, would be noticed. */
  readonly noticesFailovers?: boolean | undefined;
  /** There are replicas, and a commit waits for none of them. */
  readonly replicatesLate?: boolean | undefined;
}

/** What a store of receipts must do. One contract suite holds for every store. */
export interface ReceiptStore {
  /** Receipts of different namespaces never meet. */
  readonly namespace: string;
  /** Inserts the claim, or returns the row that is there. One round trip. */
  claim(request: ClaimRequest): Promise<Receipt>;
  /** Claims a released (or unknown) row again with the next epoch; `undefined` if it changed meanwhile. */
  takeOver(request: TakeOverRequest): Promise<Receipt | undefined>;
  /** Extends the leases that still stand; returns the tokens that do. */
  renew(claims: readonly HeldClaim[], leaseMs: number): Promise<ReadonlySet<string>>;
  /** Writes the outcome; `'late'` if somebody else holds the row or settled it: then it is kept as evidence. */
  settle(settlement: Settlement): Promise<ReceiptState | 'late'>;
  /** Hands a claim, whose lease still stands, over to whoever completes it elsewhere: it has no lease any more. */
  delegate(claim: HeldClaim): Promise<boolean>;
  /** The effect did not happen: claimable again (unknown again, if taken over in doubt). */
  release(claim: HeldClaim): Promise<boolean>;
  /** Nobody knows: the effect ended without an outcome. */
  markUnknown(claim: HeldClaim): Promise<boolean>;
  /**
   * Settles an unknown row by evidence, which is kept either way (unless it was `seen` otherwise); `false` if the row is
   * not (or no longer) open to it. What is contested is open to `'operator'` alone, who can also confirm it.
   */
  resolve(resolution: Resolution): Promise<boolean>;
  /** Keeps what a source says. It settles nothing; *committed* forbids to run the effect again. */
  addEvidence(evidence: NewEvidence): Promise<void>;
  /**
   * Makes a settled receipt final whose terms are met: `evidence` pieces of it were weighed. `false` where there are
   * more by now, where the time of its terms is not over, or where it is contested or has no terms.
   */
  finalize(key: string, epoch: number, evidence: number): Promise<boolean>;
  /**
   * Takes receipts whose turn it is: unresolved, delegated, or settled and not final. No other process gets them for
   * `holdMs`. Also finds claims whose lease has run out. Contested ones are a person's, and never due.
   */
  takeDue(request: { readonly limit: number; readonly holdMs: number }): Promise<readonly DueReceipt[]>;
  /** When to look at each of them again. One that is settled meanwhile is not looked at. */
  lookAgain(looks: readonly { readonly key: string; readonly inMs: number }[]): Promise<void>;
  /**
   * Closes a generation of an intent, whatever came of it, so that the next call starts a new one; its outcome is
   * kept. `false` where somebody can still act on the claim (it is held, or handed over), or the row has changed.
   */
  supersede(supersession: Supersession): Promise<boolean>;
  /**
   * Turns settled receipts past their time into tombstones, or drops their results, and returns how many. Fewer than the limit:
   * it came to the end. After exactly the limit the next call on this store goes on where it stopped.
   */
  prune(request: PruneRequest): Promise<number>;
  get(
    key: string,
  ): Promise<{ readonly receipt: Receipt; readonly evidence: readonly Evidence[] } | undefined>;
  list(filter?: ListFilter): Promise<readonly Receipt[]>;
  /**
   * What needs somebody, or is completed elsewhere: unresolved, contested and delegated receipts, without outcomes; delegated
   * ones last, the oldest first. Reads few other receipts where they are reconciled.
   */
  outstanding(limit: number): Promise<readonly Receipt[]>;
  /** How many of them there are, read in the same way. */
  countOutstanding(): Promise<OutstandingCounts>;
  /** Reads all receipts. */
  stats(): Promise<ReceiptStats>;
  /** Fails with what to do when the store cannot be used: unreachable, not migrated, or newer than this code. */
  check(): Promise<void>;
  /** What can weaken the guard without making the store unusable. One round trip at most. */
  describe?(): Promise<StoreDescription>;
  /** Has `onBatch` told of each statement that goes out for several calls, or for one; whoever asks last is told. */
  onBatch?(onBatch: (kind: BatchKind, size: number) => void): void;
  close(): Promise<void>;
}
