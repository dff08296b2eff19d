/** One guarded call of a tool, whatever the framework. */
import { checkedContent, effectTerms, InvalidRequestError, toMs } from '../core';
import type { EffectClaim, Guard, GuardTerms } from '../guard';
import { answerOf, answerTo, type ToolAnswer } from './answers';

/** How a tool is guarded. `C` is what a framework tells a tool of the run that calls it. */
export interface ToolGuard<A, R, C = unknown> extends GuardTerms<A, R> {
  readonly guard: Guard;
  /**
   * Names the intent of a call: from the arguments, or better from the plan that the model works off, since a model words
   * the same intent differently each time. Never from the id of the tool call: a retry has another one.
   * @param context the framework's context of the run, where the plan may be kept
   */
  readonly requestId: (args: A, context: C) => string;
  /** What is done; the name of the tool unless given. */
  readonly action?: string;
  /**
   * What makes two calls under one id the same; the arguments unless given. Leave out what a model words anew each time:
   * other words under one id are a conflict otherwise.
   */
  readonly fingerprint?: (args: A, context: C) => unknown;
}

/** Runs a tool once for each intent, and says what became of it instead of throwing. */
export async function callTool<A, R, C = unknown>(
  { guard, requestId, action, fingerprint, ...terms }: ToolGuard<A, R, C>,
  { name, args, context, intentId, signal }: ToolCall<A, C>,
  run: (args: A, claim: EffectClaim) => R | Promise<R>,
): Promise<ToolAnswer<R>> {
  try {
    const request = {
      ...terms,
      requestId: intentId ?? requestId(args, context as C),
      action: action ?? name,
      payload: args,
      ...(fingerprint
        ? { fingerprint: checkedContent(action ?? name, fingerprint(args, context as C)) }
        : {}),
      ...(signal ? { signal } : {}),
      run,
    };
    // Frameworks call tools with parameters of their own: the claim is found by currentClaim().
    return answerOf(await guard.executeFrom<A, R>(request, undefined, { isDetached: false }));
  } catch (error) {
    return answerTo(error);
  }
}

/** One call as a framework makes it. */
export interface ToolCall<A, C = unknown> {
  readonly name: string;
  readonly args: A;
  readonly context?: C;
  /** The request id that the caller sent beside the arguments, if any. */
  readonly intentId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Refuses options that would only fail at the first call. */
export function checkToolGuard(
  where: string,
  options: GuardTerms<never> & { readonly guard: Guard; readonly requestId: unknown },
): void {
  const { guard, requestId, ...terms } = options;
  if (typeof (guard as Guard | undefined)?.execute !== 'function')
    throw new InvalidRequestError(`${where} needs a guard: new Guard({ receipts }).`);
  if (typeof requestId !== 'function')
    throw new InvalidRequestError(
      `${where} needs requestId: (args) => the id that names the intent of a call.`,
    );
  if ((terms.onUnknown as unknown) === 'ask')
    throw new InvalidRequestError(`${where}: onUnknown: 'ask' is for Temporal. Say 'hold'.`);
  effectTerms(terms, {}); // durations
  if (terms.timeout !== undefined) toMs('timeout', terms.timeout);
}
