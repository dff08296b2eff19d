/** How activities and their steps are guarded. */
import type { AnyFunction, EffectOptions } from '../../core';

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
