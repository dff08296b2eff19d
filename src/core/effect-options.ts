/** The terms of an effect as users say them, and as the engine takes them. */
import type { GuardedCall, HeldEffect } from './call';
import { toMs, type Duration } from './duration';
import { InvalidRequestError, readable } from './errors';
import { isWholeText } from './identify';
import type { Classify, OnUnknown } from './policy';
import type { FinalityTerms } from './receipt';

/** Any function. Parameters are contravariant, so that only `any` accepts every one. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyFunction = (...args: any[]) => any;

/** What the running effect can know and ask of its claim. */
export type CurrentClaim = Omit<HeldEffect, 'begin' | 'commit'>;

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
  /**
   * What of the payload people may see: up to 20 short fields, such as `{ order: order.id }`. They are kept with the claim, and
   * shown and searched as `payload.order`. Nothing of a payload is kept unless given; leave out what is secret or personal.
   */
  readonly redact?: (payload: P) => Readonly<Record<string, ShownValue>>;
  /** How long a claim stands without renewal, at most; `'30s'` unless given. */
  readonly leaseFor?: Duration;
  /** The longest time a request can be on the wire, plus the provider's read lag: a probe's "no" counts only after it. `'10s'` unless given. */
  readonly graceFor?: Duration;
  /** How long to wait for another holder before the call fails retryably; `'10s'` unless given. */
  readonly waitFor?: Duration;
}

/** A field of a payload, as people may see it; those that are `undefined` are left out. */
export type ShownValue = string | number | boolean | undefined;

/** What applies to all effects of a worker or a guard, unless one says otherwise. */
export type EffectDefaults = Pick<EffectOptions, 'leaseFor' | 'graceFor' | 'waitFor' | 'retainFor'>;

/** The lease must outlive a few missed renewals. */
const leastLeaseMs = 500;

const policies: readonly unknown[] = ['hold', 'fail', 'ask', 'retry'];

const wrong = (what: string): InvalidRequestError => new InvalidRequestError(`${what}. Nothing was run.`);

/** What is misspelt must not be taken for something else, nor be found out by the database. */
function checkKinds({ onUnknown, classify, transactional }: EffectOptions): void {
  if (onUnknown != null && typeof onUnknown !== 'function' && !policies.includes(onUnknown))
    throw wrong(`onUnknown is one of ${policies.join(', ')}, or a probe`);
  if (classify != null && typeof classify !== 'function') throw wrong('classify is not a function');
  if (transactional != null && typeof transactional !== 'boolean')
    throw wrong('transactional is true or false');
}

/** The terms as the engine takes them. */
export const effectTerms = (options: EffectOptions, defaults: EffectDefaults) => {
  checkKinds(options);
  return {
    onUnknown: options.onUnknown ?? 'hold',
    classify: options.classify ?? undefined,
    transactional: options.transactional ?? false,
    leaseMs: Math.max(leastLeaseMs, toMs('leaseFor', options.leaseFor ?? defaults.leaseFor ?? '30s')),
    graceMs: toMs('graceFor', options.graceFor ?? defaults.graceFor ?? '10s'),
    waitMs: toMs('waitFor', options.waitFor ?? defaults.waitFor ?? '10s'),
    providerKeyTtlMs: optionalMs('providerKeyTtl', options.providerKeyTtl),
    finality: options.finality == null ? undefined : finalityTerms(options.finality),
    retainMs: optionalMs('retainFor', options.retainFor ?? defaults.retainFor),
  };
};

type EffectTerms = ReturnType<typeof effectTerms>;

/** A call and its terms. Field by field: in spreads Node spent half of the time of a replay. */
export const underTerms = (
  terms: EffectTerms,
  call: Omit<GuardedCall, keyof EffectTerms> & Partial<Pick<EffectTerms, 'waitMs'>>,
): GuardedCall => ({
  onUnknown: terms.onUnknown,
  classify: terms.classify,
  transactional: terms.transactional,
  leaseMs: terms.leaseMs,
  graceMs: terms.graceMs,
  waitMs: call.waitMs ?? terms.waitMs,
  providerKeyTtlMs: terms.providerKeyTtlMs,
  finality: terms.finality,
  retainMs: terms.retainMs,
  requestId: call.requestId,
  requestIdHash: call.requestIdHash,
  action: call.action,
  payload: call.payload,
  fingerprint: call.fingerprint,
  origin: call.origin,
  generation: call.generation,
  isDetached: call.isDetached,
  isDelegation: call.isDelegation,
  mayBeOlderMs: call.mayBeOlderMs,
  deadline: call.deadline,
  attempt: call.attempt,
  signal: call.signal,
  codec: call.codec,
  run: call.run,
});

const optionalMs = (option: string, value: Duration | undefined): number | undefined =>
  value === undefined ? undefined : toMs(option, value);

function finalityTerms(given: NonNullable<EffectOptions['finality']>): FinalityTerms {
  const { sources, quorum, after = 0 } = readable(() => ({ ...given })) ?? {};
  const named = new Set(readable(() => (Array.isArray(sources) ? [...(sources as readonly string[])] : [])));
  const needed = quorum ?? named.size;
  const areNames = [...named].every((name) => isWholeText(name) && name !== '');
  if (!areNames || !Number.isInteger(needed) || needed < 1 || needed > named.size)
    throw wrong('finality needs sources, and a quorum from 1 to their number');
  return { sources: [...named], quorum: needed, afterMs: toMs('finality.after', after) };
}
