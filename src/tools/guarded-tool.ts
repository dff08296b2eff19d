/** One guarded call of a tool, whatever the framework. */
import { InvalidRequestError } from '../core';
import type { EffectClaim, Guard, GuardTerms } from '../guard';
import { answerOf, answerTo, type ToolAnswer } from './answers';

/** How a tool is guarded. */
export interface ToolGuard<A, R> extends GuardTerms<A, R> {
  readonly guard: Guard;
  /**
   * Names the intent of a call: from the arguments, or better from the plan that the model works off, since a model words
   * the same intent differently each time. Never from the id of the tool call: a retry has another one.
   */
  readonly requestId: (args: A) => string;
  /** What is done; the name of the tool unless given. */
  readonly action?: string;
  /** What makes two calls under one id the same; the arguments unless given. */
  readonly fingerprint?: (args: A) => unknown;
}

/** Runs a tool once for each intent, and says what became of it instead of throwing. */
export async function callTool<A, R>(
  { guard, requestId, action, fingerprint, ...terms }: ToolGuard<A, R>,
  { name, args, intentId, signal }: ToolCall<A>,
  run: (args: A, claim: EffectClaim) => R | Promise<R>,
): Promise<ToolAnswer<R>> {
  try {
    const receipt = await guard.execute<A, R>({
      ...terms,
      requestId: intentId ?? requestId(args),
      action: action ?? name,
      payload: args,
      ...(fingerprint ? { fingerprint: fingerprint(args) } : {}),
      ...(signal ? { signal } : {}),
      run,
    });
    return answerOf(receipt);
  } catch (error) {
    return answerTo(error);
  }
}

/** One call as a framework makes it. */
export interface ToolCall<A> {
  readonly name: string;
  readonly args: A;
  /** The request id that the caller sent beside the arguments, if any. */
  readonly intentId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Refuses options that would only fail at the first call. */
export function checkToolGuard(
  where: string,
  options: { readonly guard: Guard; readonly requestId: unknown },
): void {
  if (typeof (options.guard as Guard | undefined)?.execute !== 'function')
    throw new InvalidRequestError(`${where} needs a guard: new Guard({ receipts }).`);
  if (typeof options.requestId !== 'function')
    throw new InvalidRequestError(
      `${where} needs requestId: (args) => the id that names the intent of a call.`,
    );
}
