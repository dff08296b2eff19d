/** Functions and methods that are guarded wherever they are called. */
import { InvalidRequestError, type CallOutcome, type HeldEffect } from '../core';
import type { ExecuteRequest, GuardTerms } from './requests';

/** How a function is guarded. A probe gets the arguments as its payload. */
export interface WrapOptions<A extends unknown[], R> extends GuardTerms<A, Awaited<R>> {
  /** Names the intent of a call: the same for its retries, another one for another intent. */
  readonly requestId: (...args: A) => string;
  /** What is done; the function's own name unless given. */
  readonly action?: string;
  /** What makes two calls under one id the same; all arguments unless given. */
  readonly fingerprint?: (...args: A) => unknown;
  /** Which generation of the intent may run, from 1, where those before it were rejected. */
  readonly generation?: (...args: A) => number;
}

/** A guarded function. */
export type Wrapped<A extends unknown[], R> = (...args: A) => Promise<Awaited<R>>;

/** A decorator of an asynchronous method. */
export type MethodDecorator<A extends unknown[], R> = <This>(
  method: (this: This, ...args: A) => Promise<Awaited<R>>,
  context: ClassMethodDecoratorContext<This>,
) => (this: This, ...args: A) => Promise<Awaited<R>>;

/** What makes one call of a function. */
type Call = (
  request: Omit<ExecuteRequest<never, unknown>, 'payload' | 'run'>,
  effect: { readonly payload: unknown; run(effect: HeldEffect): unknown },
) => Promise<CallOutcome>;

export function wrapped<A extends unknown[], R>(
  options: WrapOptions<A, R>,
  fn: ((...args: A) => R) | undefined,
  call: Call,
): unknown {
  if (typeof (options as WrapOptions<A, R> | undefined)?.requestId !== 'function')
    throw new InvalidRequestError('wrap needs requestId: (…args) => the id that names the intent of a call.');
  if (fn !== undefined) return guardedBy(options, fn, call);
  return (method: (...args: A) => R, context: { readonly kind?: unknown } | undefined) => {
    if (typeof method !== 'function' || context?.kind !== 'method')
      throw new InvalidRequestError(
        'wrap(options) decorates methods by standard decorators: turn experimentalDecorators off, or say wrap(options, fn).',
      );
    return guardedBy(options, method, call);
  };
}

function guardedBy<A extends unknown[], R>(
  options: WrapOptions<A, R>,
  fn: (...args: A) => R,
  call: Call,
): Wrapped<A, R> {
  const { requestId, fingerprint, generation, action = fn.name, ...terms } = options;
  if (typeof fn !== 'function') throw new InvalidRequestError('wrap(options, fn): fn is not a function.');
  if (action === '')
    throw new InvalidRequestError('wrap: a function without a name needs an action, such as send_email.');
  const wrapper = async function (this: unknown, ...args: A): Promise<Awaited<R>> {
    const request = {
      ...(terms as GuardTerms),
      ...{ action, requestId: requestId(...args) },
      ...(fingerprint ? { fingerprint: fingerprint(...args) } : {}),
      ...(generation ? { generation: generation(...args) } : {}),
    };
    const outcome = await call(request, { payload: args, run: () => fn.apply(this, args) });
    if (outcome.kind === 'result') return outcome.value as Awaited<R>;
    throw outcome.kind === 'rejected' ? outcome.error : outcome.thrown;
  };
  Object.defineProperties(wrapper, { name: { value: fn.name }, length: { value: fn.length } });
  return wrapper;
}
