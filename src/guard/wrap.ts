/** Functions and methods that are guarded wherever they are called. */
import {
  checkedContent,
  checkedGeneration,
  InvalidRequestError,
  type AnyFunction,
  type CallOutcome,
  type HeldEffect,
} from '../core';
import type { ExecuteRequest, GuardTerms } from './requests';

/** How a function is guarded. A probe gets the arguments as its payload. */
export interface WrapOptions<F extends AnyFunction>
  extends GuardTerms<Parameters<F>, Awaited<ReturnType<F>>> {
  /** Names the intent of a call: the same for its retries, another one for another intent. */
  readonly requestId: (...args: Parameters<F>) => string;
  /** What is done; the function's own name unless given. */
  readonly action?: string;
  /** What makes two calls under one id the same; all arguments unless given. */
  readonly fingerprint?: (...args: Parameters<F>) => unknown;
  /** Which generation of the intent may run, from 1, where those before it were rejected. */
  readonly generation?: (...args: Parameters<F>) => number;
}

/** A guarded function. */
export type Wrapped<F extends AnyFunction> = (...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

/** A decorator of an asynchronous method. */
export type MethodDecorator<A extends unknown[]> = <
  This,
  M extends (this: This, ...args: A) => Promise<unknown>,
>(
  method: M,
  context: ClassMethodDecoratorContext<This, M>,
) => M;

/** What makes one call of a function. */
type Call = (
  request: Omit<ExecuteRequest<never, unknown>, 'payload' | 'run'>,
  effect: { readonly payload: unknown; run(effect: HeldEffect): unknown },
) => Promise<CallOutcome>;

/** The guarded function, or without one the decorator that makes it. */
export function wrapped(options: WrapOptions<AnyFunction>, fn: AnyFunction | undefined, call: Call): unknown {
  if (typeof (options as WrapOptions<AnyFunction> | undefined)?.requestId !== 'function')
    throw new InvalidRequestError('wrap needs requestId: (…args) => the id that names the intent of a call.');
  if (fn !== undefined) return guardedBy(options, fn, call);
  return (method: AnyFunction, context: { readonly kind?: unknown } | undefined) => {
    if (typeof method !== 'function' || context?.kind !== 'method')
      throw new InvalidRequestError(
        'wrap(options) decorates methods by standard decorators: turn experimentalDecorators off, or say wrap(options, fn).',
      );
    return guardedBy(options, method, call);
  };
}

function guardedBy(options: WrapOptions<AnyFunction>, fn: AnyFunction, call: Call): AnyFunction {
  if (typeof fn !== 'function') throw new InvalidRequestError('wrap(options, fn): fn is not a function.');
  const { requestId, fingerprint, generation, action = fn.name, ...terms } = options;
  if (action === '')
    throw new InvalidRequestError('wrap: a function without a name needs an action, such as send_email.');
  const wrapper = async function (this: unknown, ...args: unknown[]): Promise<unknown> {
    const request = {
      ...(terms as GuardTerms),
      ...{ action, requestId: requestId(...args) },
      // Of what they do not give, nothing else takes the place.
      ...(fingerprint ? { fingerprint: checkedContent(action, fingerprint(...args)) } : {}),
      ...(generation ? { generation: checkedGeneration(generation(...args)) } : {}),
    };
    const outcome = await call(request, { payload: args, run: () => fn.apply(this, args) as unknown });
    if (outcome.kind === 'result') return outcome.value;
    throw outcome.kind === 'rejected' ? outcome.error : outcome.thrown;
  };
  Object.defineProperties(wrapper, { name: { value: fn.name }, length: { value: fn.length } });
  return wrapper;
}
