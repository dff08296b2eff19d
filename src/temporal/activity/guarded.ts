/** Marking activities as guarded. */
import {
  currentEffect,
  GuardNotInstalledError,
  InvalidRequestError,
  type AnyFunction,
  type CurrentClaim,
} from '../../core';
import { guardContext, type GuardContext } from './context';
import type { GuardedOptions, StepOptions } from './options';

const mark = Symbol.for('activity-guard.guarded');

/**
 * Guards an activity: registered on a worker with the plugin, its effect happens at most once per request id.
 * The function keeps its type. Called anywhere else it throws `GuardNotInstalledError` and does not run.
 */
export function guarded<F extends AnyFunction>(fn: F): F;
export function guarded<F extends AnyFunction>(options: GuardedOptions<F>, fn: F): F;
export function guarded<F extends AnyFunction>(optionsOrFn: GuardedOptions<F> | F, maybeFn?: F): F {
  const [options, fn] = typeof optionsOrFn === 'function' ? [{}, optionsOrFn] : [optionsOrFn, maybeFn];
  if (typeof fn !== 'function')
    throw new InvalidRequestError(
      'guarded(options, fn): fn is not a function, so there is nothing to guard.',
    );
  const wrapper = function (this: unknown, ...args: Parameters<F>): ReturnType<F> {
    const context = guardContext.getStore();
    if (context?.guards !== wrapper) throw notInstalled(fn.name, context);
    currentEffect().begin();
    return fn.apply(this, args) as ReturnType<F>;
  };
  Object.defineProperties(wrapper, {
    name: { value: fn.name },
    length: { value: fn.length },
    [mark]: { value: options ?? {} },
  });
  // What `setActivityOptions` put on the function: how the worker converts its arguments and its result.
  const { activityDefinitionOptions } = fn as { activityDefinitionOptions?: unknown };
  if (activityDefinitionOptions !== undefined) Object.assign(wrapper, { activityDefinitionOptions });
  return wrapper as F;
}

/** @internal The options of a guarded function; `undefined` for any other. */
export const guardedOptions = (fn: unknown): GuardedOptions | undefined =>
  typeof fn === 'function' ? (fn as { [mark]?: GuardedOptions })[mark] : undefined;

/**
 * Guards one step of an activity, which is then not guarded as a whole: the rest of it may fail and be retried freely,
 * and a step that has its receipt gives its result again. The step's id is the activity's request id and the name.
 * Errors are those of a guarded activity; let them pass, so that Temporal retries.
 * @param name tells the steps of the activity apart
 * @param fn the effect; it gets its claim
 * @throws InvalidRequestError for a name used twice in one attempt, for what is no function, and inside a guarded activity
 *   or another step
 * @throws GuardNotInstalledError outside an activity of a worker with the plugin
 */
export async function effect<R>(
  name: string,
  fn: (claim: CurrentClaim) => R,
  options: StepOptions<Awaited<R>> = {},
): Promise<Awaited<R>> {
  const context = guardContext.getStore();
  if (!context) throw notInstalled(`effect('${name}')`, undefined);
  if (!context.step) {
    throw new InvalidRequestError(
      `The step ${JSON.stringify(name)} is inside an effect that is guarded as a whole, so it was not run. Take guarded() from the activity, or leave the step out.`,
    );
  }
  // Found out only when it is called, it would pass for an effect of which nobody knows whether it happened.
  if (typeof fn !== 'function')
    throw new InvalidRequestError(
      `effect(${JSON.stringify(name)}, fn): fn is not a function. Nothing was run.`,
    );
  return (await context.step(name, options ?? {}, fn)) as Awaited<R>;
}

function notInstalled(name: string, context: GuardContext | undefined): GuardNotInstalledError {
  const what = `The guarded function ${name || '(anonymous)'} was called`;
  if (!context) {
    return new GuardNotInstalledError(
      `${what} outside a guard and was not run. Register it on a Worker with ActivityGuardPlugin (by hand: activityGuardInterceptors({ receipts, activities })).`,
    );
  }
  return new GuardNotInstalledError(
    `${what} inside another activity and was not run. Call it from the workflow, so that it gets a claim of its own, or make it a step with effect().`,
  );
}
