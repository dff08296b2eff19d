/** The receipt: the row that says what is known of one intended effect. */

/** The states of a receipt; see `docs/protocol.md` for the transitions. */
export const receiptStates = [
  'claimed',
  'delegated',
  'unknown',
  'committed',
  'rejected',
  'released',
  'superseded',
  'pruned',
] as const;

/** One of them. */
export type ReceiptState = (typeof receiptStates)[number];

/** The name of an `onUnknown` policy as it is stored with a claim. */
export type PolicyName = 'hold' | 'fail' | 'ask' | 'probe' | 'retry';

/** An outcome as stored: exact bytes and how to read them. The store never looks inside. */
export interface Outcome {
  /** How the bytes are encoded, such as `'temporal/payload'`, `'temporal/failure'` or `'json'`. */
  readonly format: string;
  readonly bytes: Uint8Array;
}

/** Marks a receipt whose effect happened but whose result has no stored form. */
export const noResult: Outcome = { format: 'none', bytes: new Uint8Array() };

/** The outcome of what happened and has been undone: every caller gets it as a rejection. */
export const compensated: Outcome = { format: 'compensated', bytes: new Uint8Array() };

/** When an outcome counts as final, as it is stored with a claim. */
export interface FinalityTerms {
  /** The sources that count; `'effect'` is who ran it. */
  readonly sources: readonly string[];
  /** So many of them have to agree, and none may contradict. */
  readonly quorum: number;
  /** Not before so many milliseconds after it was settled. */
  readonly afterMs: number;
}

/** Where a claim came from, for people: workflow id, run id, worker identity, … Never payloads. */
export type Origin = Readonly<Record<string, string>>;

/** One receipt, as a store returns it. Times are relative to the database's clock at the moment it was read. */
export interface Receipt {
  /** The primary key: a hash of the namespace and the request id. */
  readonly key: string;
  readonly namespace: string;
  /** The id as its first claimer knew it; `sha256:…` where that was only a hash. */
  readonly requestId: string;
  readonly action: string;
  /** SHA-256 over action and payload, in hexadecimal. */
  readonly fingerprint: string;
  readonly state: ReceiptState;
  readonly policy: PolicyName;
  /** Made by the claimer before it asked; only its bearer can settle the claim. */
  readonly token: string;
  /** Grows with every new claim of this id: the fencing number. */
  readonly epoch: number;
  /** The claim was taken over from an unknown one, so a "no" says nothing of the earlier attempt. */
  readonly doubt: boolean;
  /** The effect is a transaction in the receipts' own database and commits with its receipt, or not at all. */
  readonly transactional: boolean;
  /** Milliseconds until the lease ends; negative once it is over. */
  readonly leaseRemainingMs: number;
  /** For so many milliseconds after the lease's end the effect may still arrive, or not be seen: no "no" counts. */
  readonly graceMs: number;
  /** Milliseconds since the first claim of this id. */
  readonly ageMs: number;
  /** When the id was first claimed, as ISO 8601. */
  readonly claimedAt: string;
  /** When it was settled, as ISO 8601. */
  readonly settledAt: string | undefined;
  readonly outcome: Outcome | undefined;
  readonly origin: Origin;
  /** Sources contradict each other: nothing but a person's word settles it. */
  readonly contested: boolean;
  /** When its outcome is final; at once when it is settled unless given. */
  readonly finality: FinalityTerms | undefined;
  /** When it became final, as ISO 8601, where it has terms for that. */
  readonly finalAt: string | undefined;
}

type Standing = Pick<Receipt, 'state' | 'leaseRemainingMs' | 'transactional' | 'doubt'>;

/** Its holder did not renew the lease. */
const isLapsed = ({ state, leaseRemainingMs }: Standing): boolean =>
  state === 'claimed' && leaseRemainingMs <= 0;

/** Without its receipt a transaction cannot have committed; only an attempt before it leaves a doubt. */
const provesNothingHappened = ({ transactional, doubt }: Standing): boolean => transactional && !doubt;

/** Unknown, or as good as: its holder did not renew the lease. */
export const isUnresolved = (receipt: Standing): boolean =>
  receipt.state === 'unknown' || (isLapsed(receipt) && !provesNothingHappened(receipt));

/** Somebody still has to say what became of it, or may. */
export const isOutstanding = (receipt: Standing & Pick<Receipt, 'contested'>): boolean =>
  isUnresolved(receipt) || receipt.contested || receipt.state === 'delegated';

/** Nothing happened, so it may be claimed again. */
export const isFree = (receipt: Standing): boolean =>
  receipt.state === 'released' || (isLapsed(receipt) && provesNothingHappened(receipt));

/** The effect may still arrive, or not be seen yet: that it is not found proves nothing. */
export const isTooEarly = ({
  state,
  leaseRemainingMs,
  graceMs,
}: Pick<Receipt, 'state' | 'leaseRemainingMs' | 'graceMs'>): boolean =>
  (state === 'claimed' || state === 'unknown') && leaseRemainingMs + graceMs > 0;

/** It has an outcome. */
export const isSettled = ({ state }: Pick<Receipt, 'state'>): boolean =>
  state === 'committed' || state === 'rejected';

/** Settled, and not final yet by its own terms. */
export const isProvisional = (receipt: Pick<Receipt, 'state' | 'finality' | 'finalAt'>): boolean =>
  isSettled(receipt) && receipt.finality !== undefined && receipt.finalAt === undefined;

/**
 * What a source says of an outcome. An operator can also say `'superseded'` (let the intent happen once more) and
 * `'compensated'` (it happened, and has been undone).
 */
export type Verdict =
  | 'committed'
  | 'not-committed'
  | 'rejected'
  | 'undetermined'
  | 'superseded'
  | 'compensated';

/** One piece of evidence, kept beside the receipt for ever. */
export interface Evidence {
  /** Who says it: `'probe'`, `'operator'`, `'late-settle'`, `'failover'`, … */
  readonly source: string;
  readonly verdict: Verdict;
  /** The epoch of the claim it speaks of. */
  readonly epoch: number;
  /** Why, in words, for people. */
  readonly note: string | undefined;
  /** When it came, as ISO 8601. */
  readonly at: string;
  /** Milliseconds since it came. */
  readonly ageMs: number;
  /** Who said it, where that was a person. */
  readonly by: string | undefined;
  /** It came when the outcome was already final, and changed nothing. */
  readonly late: boolean;
  /** The result, where the source gave one. */
  readonly outcome: Outcome | undefined;
}
