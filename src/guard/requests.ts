/** What a guard is asked, and what it answers. */
import type { CurrentClaim, Duration, EffectOptions, OnUnknown } from '../core';

/** The claim of an effect that is run by a guard. */
export type EffectClaim = Omit<CurrentClaim, 'delegate'>;

/** The terms of an effect outside of Temporal, where no workflow waits for decisions. */
export interface GuardTerms<P = never, R = unknown>
  extends Omit<EffectOptions<P, R>, 'action' | 'onUnknown'> {
  /**
   * What to do when nobody knows whether an earlier call had its effect: `'hold'` (the default) and `'fail'` run nothing
   * until it is resolved, `'retry'` runs again with the same request id (for providers that deduplicate by it), and a
   * probe asks the provider; it gets the payload.
   */
  readonly onUnknown?: Exclude<OnUnknown<P, R>, 'ask'>;
  /** How long one call may take; its claim is not renewed beyond that. `'10m'` unless given. */
  readonly timeout?: Duration;
}

/** One call of an effect. */
export interface ExecuteRequest<P, R> extends GuardTerms<P, R> {
  /** Names the intent, in all of the guard's namespace: another intent needs another id, a retry the same. */
  readonly requestId: string;
  /** What is done, such as `send_email`. An id belongs to one action. */
  readonly action: string;
  /** What the effect gets. An id belongs to one payload; its hash is kept, itself not. */
  readonly payload?: P;
  /** What makes two payloads under one id the same; the payload unless given. */
  readonly fingerprint?: unknown;
  /** Which generation of the intent may run, from 1, where those before it were rejected. */
  readonly generation?: number;
  /**
   * This call may repeat one that was made up to so long ago: a job that is tried again, how long it has been queued. Where
   * the database failed over since then and has no receipt of the id, that may have been lost: the outcome is unknown, not new.
   */
  readonly mayBeOlder?: Duration;
  /** Ends the waiting for another holder, and aborts the claim's signal. */
  readonly signal?: AbortSignal;
  /** The effect. Gets the payload, and its claim: hand the claim's `requestId` to the provider. */
  readonly run: (payload: P, claim: EffectClaim) => R | Promise<R>;
}

/** What is told of an effect that is settled, to its first caller and to every later one. */
interface Settled {
  readonly action: string;
  /** The id of the generation that is told of. */
  readonly requestId: string;
  /** The same for every caller; of each generation its own. */
  readonly executionId: string;
  /** Whether it is told from a receipt: nothing was run in this call. */
  readonly replayed: boolean;
}

/** It happened. */
export interface Executed<R> extends Settled {
  readonly ok: true;
  readonly reason: 'executed' | 'dedup_same_request_id';
  readonly result: R;
}

/** The provider has finally said no. */
export interface Rejected extends Settled {
  readonly ok: false;
  /** The name of the error after a colon. */
  readonly reason: `execute_failed:${string}`;
  readonly error: unknown;
}

/** The end of an effect. */
export type ExecutionReceipt<R = unknown> = Executed<R> | Rejected;
