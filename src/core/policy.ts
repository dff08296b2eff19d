/** What is done when nobody knows the outcome, and what an error of the effect means. Pure. */
import { NotCommittedError, RejectedError } from './errors';
import type { PolicyName, Receipt } from './receipt';

/** What a probe found out. Make one with {@link committed}, {@link notCommitted} or {@link undetermined}. */
export type ProbeResult<R = unknown> =
  | { readonly verdict: 'committed'; readonly result: R }
  | { readonly verdict: 'not-committed' }
  | { readonly verdict: 'undetermined' };

/** The provider has it: `result` is what the effect would have returned, and what every caller gets from now on. */
export const committed = <R>(result: R): ProbeResult<R> => ({ verdict: 'committed', result });

/** The provider surely does not have it. Counts only once the lease and the grace time are over. */
export const notCommitted = (): ProbeResult<never> => ({ verdict: 'not-committed' });

/** The provider cannot say (yet): the outcome stays on hold and is asked again. */
export const undetermined = (): ProbeResult<never> => ({ verdict: 'undetermined' });

/** What a probe is asked about. */
export interface ProbeQuestion<P = unknown> {
  /** The id that was handed to the effect. */
  readonly requestId: string;
  /** The arguments (or payload) of the call. */
  readonly payload: P;
  /** The claim in doubt. */
  readonly claim: Pick<Receipt, 'action' | 'epoch' | 'claimedAt' | 'ageMs' | 'origin'>;
  /** Aborted when the answer comes too late to be used. */
  readonly signal: AbortSignal;
}

/** Asks the provider whether the effect of a request id happened. Called again until it is conclusive. */
export type Probe<P = never, R = unknown> = (
  question: ProbeQuestion<P>,
) => ProbeResult<R> | Promise<ProbeResult<R>>;

/** What happens when the outcome of an earlier attempt is unknown. */
export type OnUnknown<P = never, R = unknown> = 'hold' | 'fail' | 'ask' | 'retry' | Probe<P, R>;

/** The stored name of a policy. */
export const policyName = (policy: OnUnknown): PolicyName =>
  typeof policy === 'function' ? 'probe' : policy;

const strictestFirst: readonly PolicyName[] = ['hold', 'fail', 'ask', 'probe', 'retry'];

/**
 * The policy that governs a row whose claim stored `stored` when the caller has `mine`: the stricter one. A
 * caller without a probe holds where the row asks for one.
 */
export function governingPolicy(stored: PolicyName, mine: PolicyName): PolicyName {
  const stricter = strictestFirst.indexOf(stored) <= strictestFirst.indexOf(mine) ? stored : mine;
  return stricter === 'probe' && mine !== 'probe' ? 'hold' : stricter;
}

/** What an error thrown by the effect means. */
export type ErrorClass = 'not-committed' | 'rejected' | 'unknown';

/** Decides what an error means; `undefined` leaves it to the default, under which a throw proves nothing. */
export type Classify = (error: unknown) => ErrorClass | undefined;

/** The default: only the guard's own two errors mean anything; every other throw leaves the outcome unknown. */
export function classifyError(error: unknown, classify?: Classify): ErrorClass {
  if (error instanceof NotCommittedError) return 'not-committed';
  if (error instanceof RejectedError) return 'rejected';
  try {
    const answer: unknown = classify?.(error);
    return answer === 'not-committed' || answer === 'rejected' ? answer : 'unknown';
  } catch {
    return 'unknown'; // a classifier that fails knows nothing
  }
}
