/** What the engine is asked to guard, and what it tells about it. */
import type { Clock } from './clock';
import type { GuardEvent } from './guard-event';
import type { Classify, OnUnknown } from './policy';
import type { FinalityTerms, Origin, Outcome, Receipt } from './receipt';
import type { HeldClaim, ReceiptStore } from './store';
import type { Telemetry } from './telemetry';

/** An outcome to keep, and why no caller can be given it, if so. */
export interface EncodedOutcome extends Outcome {
  readonly problem?: unknown;
}

/**
 * Reads and writes outcomes; the store sees only the bytes. To throw means that it may go well another time, so it
 * is asked again; what never will be encoded comes back with a `problem`, and what never will be decoded is thrown
 * as a `ResultUnavailableError`.
 */
export interface OutcomeCodec {
  encodeResult(value: unknown): EncodedOutcome | Promise<EncodedOutcome>;
  decodeResult(outcome: Outcome): unknown;
  encodeFailure(error: unknown): EncodedOutcome | Promise<EncodedOutcome>;
  decodeFailure(outcome: Outcome): unknown;
}

/** What a running effect can know and ask of its claim. */
export interface HeldEffect {
  /** Hand it to the provider: the same for every attempt at this intent. */
  readonly requestId: string;
  readonly token: string;
  /** The fencing number: a provider that remembers the highest one can refuse a holder that was overtaken. */
  readonly epoch: number;
  /** Aborted when the claim can no longer be kept, or the caller is cancelled. */
  readonly signal: AbortSignal;
  /** Throws `LeaseLostError` unless the claim is certainly still held. Call it just before the irreversible step. */
  fence(): void;
  /** Marks the moment from which the effect may have happened; fences first. May be called once. */
  begin(): void;
  /**
   * Takes the lease from the claim, before the effect is handed over to whoever completes it elsewhere: it then stands
   * until that completion, also if this process dies before it has said that it hands over.
   * @throws LeaseLostError when the claim was lost; nothing must be handed over
   */
  delegate(): Promise<void>;
  /**
   * Runs the effect as a transaction of the store, which writes what `settlementOf` gives for its result as a part of
   * it. May be called once, and only where the call is transactional.
   */
  commit<T>(transaction: (settlementOf: SettlementOf) => Promise<T>): Promise<T>;
}

/** The receipt that a transaction has to write for its result. */
export type SettlementOf = (value: unknown) => Promise<HeldClaim & { readonly outcome: Outcome }>;

/** One call of a guarded function. */
export interface GuardedCall {
  /** SHA-256 of the request id's NFC form. */
  readonly requestIdHash: string;
  /** The request id as far as the caller knows it. */
  readonly requestId: string;
  readonly action: string;
  readonly fingerprint: string;
  readonly payload: unknown;
  readonly origin: Origin;
  readonly onUnknown: OnUnknown;
  readonly classify?: Classify | undefined;
  /** Nobody asks for the running effect where it was not handed in, so that no context has to follow its promises. */
  readonly isDetached?: boolean | undefined;
  /** The effect is one transaction in the receipts' database, by `HeldEffect.commit`. */
  readonly transactional?: boolean | undefined;
  /** Which generation of the intent may run, where those before it were rejected; the first unless given. */
  readonly generation?: number | undefined;
  /** Whether what was thrown says that the effect goes on elsewhere, and its outcome comes from there. */
  readonly isDelegation?: ((thrown: unknown) => boolean) | undefined;
  /** When the outcome is final; once it is settled unless given. */
  readonly finality?: FinalityTerms | undefined;
  /** How long the settled receipt is kept at least. */
  readonly retainMs?: number | undefined;
  /** An earlier attempt may have claimed the id up to this long ago; absent where there surely was none. */
  readonly mayBeOlderMs?: number | undefined;
  readonly leaseMs: number;
  /** The longest time on the wire plus the provider's read lag. */
  readonly graceMs: number;
  /** How long to wait for a winner, or for the moment a probe counts, before asking the caller to come back. */
  readonly waitMs: number;
  /** How long the provider keeps its keys; after that `'retry'` holds. */
  readonly providerKeyTtlMs?: number | undefined;
  /** The end of this attempt by the monotonic clock: no waiting and no renewing beyond it. */
  readonly deadline: number;
  /** Which attempt this is, for growing delays. */
  readonly attempt: number;
  readonly signal?: AbortSignal | undefined;
  readonly codec: OutcomeCodec;
  /** Runs the effect; must call `begin()` just before it. */
  run(effect: HeldEffect): Promise<unknown>;
}

/** How a guarded call ended: with the effect's own outcome, now or from the receipt of that key and request id. */
export type CallOutcome = Pick<Receipt, 'key' | 'requestId'> &
  (
    | { readonly kind: 'result'; readonly value: unknown; readonly replayed: boolean }
    | { readonly kind: 'rejected'; readonly error: unknown; readonly replayed: boolean }
    /** The effect goes on elsewhere; `thrown` is what said so. */
    | { readonly kind: 'delegated'; readonly thrown: unknown }
  );

/** What the engine works with. */
export interface EngineEnvironment {
  readonly store: ReceiptStore;
  readonly clock: Clock;
  readonly newToken: () => string;
  readonly onEvent?: ((event: GuardEvent) => void) | undefined;
  readonly telemetry?: Pick<Telemetry, 'begin'> | undefined;
}
