/** How activities and their steps are guarded. */
import type { Classify, Duration, HeldEffect, OnUnknown } from '../../core';

/** Any activity function. Parameters are contravariant, so that only `any` accepts every one. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyFunction = (...args: any[]) => any;

/** The terms of one effect. Durations are milliseconds or texts such as `'30s'`. */
export interface EffectOptions<P = never, R = unknown> {
  /** What the effect is called in receipts and ids; the activity's name (and the step's) unless given. */
  readonly action?: string;
  /**
   * What to do when nobody knows whether an earlier attempt had its effect: `'hold'` (the default) runs nothing
   * until it is resolved, `'fail'` gives the workflow the failure, `'ask'` lets it wait
   * for a decision (the update `resolveOutcome`), `'retry'` runs again with the same request id (for
   * providers that deduplicate by it), and a probe asks the provider; it gets the arguments as `payload`.
   */
  readonly onUnknown?: OnUnknown<P, R>;
  /** What an error thrown by the effect means; `undefined` leaves it unknown. */
  readonly classify?: Classify;
  /**
   * The effect is one `receipts.transaction(async (tx) => …)`, whose result is the effect's: what it writes to the
   * database commits together with the receipt or not at all, so that its outcome is never unknown. It must do
   * nothing irreversible outside the transaction.
   */
  readonly transactional?: boolean;
  /** How long the provider keeps its keys: after that `'retry'` holds. */
  readonly providerKeyTtl?: Duration;
  /**
   * When the outcome is final; by default once it is settled. With it, `quorum` of the named `sources` (all of them
   * unless given) have to agree, and none may contradict, for an unknown outcome to be settled by evidence, and for a
   * settled one to be final, `after` a while. Sources are those of `recordEvidence`, `'probe'`, `'temporal-history'`,
   * and `'effect'`: the function itself, which saw what it returned. Until then the receipt is provisional: its result
   * is replayed, and contradicting evidence makes it contested.
   */
  readonly finality?: {
    readonly sources: readonly string[];
    readonly quorum?: number;
    readonly after?: Duration;
  };
  /**
   * How long the settled receipt is kept before pruning may take it: at least the longest workflow plus the time its
   * history is kept. What the pruner says unless given.
   */
  readonly retainFor?: Duration;
  /** How long a claim stands without renewal, at most; `'30s'` unless given. */
  readonly leaseFor?: Duration;
  /** The longest time a request can be on the wire, plus the provider's read lag: a probe's "no" counts only after it. `'10s'` unless given. */
  readonly graceFor?: Duration;
  /** How long to wait for another holder before the activity fails retryably; `'10s'` unless given. */
  readonly waitFor?: Duration;
}

/** How one activity is guarded. */
export interface GuardedOptions<F extends AnyFunction = AnyFunction>
  extends EffectOptions<Parameters<F>, Awaited<ReturnType<F>>> {
  /** A request id of your own, from the arguments: global in the guard's namespace, whoever calls. */
  readonly requestId?: (...args: Parameters<F>) => string;
  /** What makes two payloads under one id the same; all arguments unless given. */
  readonly fingerprint?: (...args: Parameters<F>) => unknown;
  /**
   * Which generation of the intent may run, from 1: a rejection is final for its id, and only over one does the next
   * generation count. It has an id (`…~g2`) and a receipt of its own, and may have other arguments.
   */
  readonly generation?: (...args: Parameters<F>) => number;
}

/** How one step of an activity is guarded. */
export interface StepOptions<R = unknown> extends EffectOptions<unknown, R> {
  /** A request id of your own: global in the guard's namespace, whoever calls. */
  readonly requestId?: string;
  /** What makes two calls under one id the same, and what a probe gets; the activity's arguments unless given. */
  readonly payload?: unknown;
  /** Which generation of the intent may run, from 1, where those before it were rejected. */
  readonly generation?: number;
}

/** What the running effect can know and ask of its claim. */
export type CurrentClaim = Omit<HeldEffect, 'begin' | 'commit'>;
