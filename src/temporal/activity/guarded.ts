/** Marking activities as guarded. */
import {
  GuardNotInstalledError,
  type Classify,
  type Duration,
  type HeldEffect,
  type OnUnknown,
} from '../../core';
import { guardContext } from './context';

/** Any activity function. Parameters are contravariant, so that only `any` accepts every one. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyFunction = (...args: any[]) => any;

/** How one activity is guarded. Durations are milliseconds or texts such as `'30s'`. */
export interface GuardedOptions<F extends AnyFunction = AnyFunction> {
  /** What the effect is called in receipts and ids; the activity's name unless given. */
  readonly action?: string;
  /** A request id of your own, from the arguments: global in the guard's namespace, whoever calls. */
  readonly requestId?: (...args: Parameters<F>) => string;
  /** What makes two payloads under one id the same; all arguments unless given. */
  readonly fingerprint?: (...args: Parameters<F>) => unknown;
  /**
   * What to do when nobody knows whether an earlier attempt had its effect: `'hold'` (the default) runs nothing
   * until it is resolved, `'fail'` lets the workflow decide, `'retry'` runs again with the same request id (for
   * providers that deduplicate by it), and a probe asks the provider; it gets the arguments as `payload`.
   */
  readonly onUnknown?: OnUnknown<Parameters<F>, Awaited<ReturnType<F>>>;
  /** What an error thrown by the effect means; `undefined` leaves it unknown. */
  readonly classify?: Classify;
  /** How long the provider keeps its keys: after that `'retry'` holds. */
  readonly providerKeyTtl?: Duration;
  /** How long a claim stands without renewal, at most; `'30s'` unless given. */
  readonly leaseFor?: Duration;
  /** The longest time a request can be on the wire, plus the provider's read lag: a probe's "no" counts only after it. `'10s'` unless given. */
  readonly graceFor?: Duration;
  /** How long to wait for another holder before the activity fails retryably; `'10s'` unless given. */
  readonly waitFor?: Duration;
}

const mark = Symbol.for('activity-guard.guarded');

/**
 * Guards an activity: registered on a worker with the plugin, its effect happens at most once per request id.
 * The function keeps its type. Called anywhere else it throws `GuardNotInstalledError` and does not run.
 */
export function guarded<F extends AnyFunction>(fn: F): F;
export function guarded<F extends AnyFunction>(options: GuardedOptions<F>, fn: F): F;
export function guarded<F extends AnyFunction>(optionsOrFn: GuardedOptions<F> | F, maybeFn?: F): F {
  const [options, fn] = typeof optionsOrFn === 'function' ? [{}, optionsOrFn] : [optionsOrFn, maybeFn];
  if (typeof fn !== 'function') throw new TypeError('guarded(options, fn): fn is not a function');
  const wrapper = function (this: unknown, ...args: Parameters<F>): ReturnType<F> {
    const context = guardContext.getStore();
    if (context?.guards !== wrapper) throw notInstalled(fn.name, context !== undefined);
    context.effect.begin();
    return fn.apply(this, args) as ReturnType<F>;
  };
  Object.defineProperties(wrapper, {
    name: { value: fn.name },
    length: { value: fn.length },
    [mark]: { value: options },
  });
  // What `setActivityOptions` put on the function: how the worker converts its arguments and its result.
  const { activityDefinitionOptions } = fn as { activityDefinitionOptions?: unknown };
  if (activityDefinitionOptions !== undefined) Object.assign(wrapper, { activityDefinitionOptions });
  return wrapper as F;
}

/** @internal The options of a guarded function; `undefined` for any other. */
export const guardedOptions = (fn: unknown): GuardedOptions | undefined =>
  typeof fn === 'function' ? (fn as { [mark]?: GuardedOptions })[mark] : undefined;

/** What the running effect can know and ask of its claim. */
export type CurrentClaim = Omit<HeldEffect, 'begin'>;

/**
 * The claim of the running guarded activity: its `requestId` and `epoch` for a provider that checks them, a `signal`
 * that aborts when the claim can no longer be kept or the activity is cancelled, and `fence()`, which throws
 * `LeaseLostError` unless the claim is certainly held at this moment: call it just before the irreversible step.
 * @throws GuardNotInstalledError outside a guarded activity
 */
export function currentClaim(): CurrentClaim {
  const context = guardContext.getStore();
  if (!context)
    throw new GuardNotInstalledError(
      'This was asked for outside a guarded activity, where there is no claim.',
    );
  return context.effect;
}

/**
 * The request id of the running guarded activity, to hand to the provider. Every attempt gets the same.
 * @throws GuardNotInstalledError outside a guarded activity
 */
export const requestId = (): string => currentClaim().requestId;

const notInstalled = (name: string, insideAnother: boolean): GuardNotInstalledError =>
  new GuardNotInstalledError(
    insideAnother
      ? `The guarded function ${name || '(anonymous)'} was called inside another guarded activity and was not run. Call it from the workflow, so that it gets a claim of its own.`
      : `The guarded function ${name || '(anonymous)'} was called outside a guard and was not run. Register it on a Worker with ActivityGuardPlugin (by hand: activityGuardInterceptors({ receipts, activities })).`,
  );
