/** What the workflow itself says of the identity of its calls. */
import { ApplicationFailure, AsyncLocalStorage, workflowInfo } from '@temporalio/workflow';

import { fingerprintProblem, hashArgs, hashRequestId, requestIdProblem } from '../../ids/request-id';

/** An explicit id, and the one call it was used for. */
export interface ExplicitId {
  readonly idHash: string;
  call?: { readonly action: string; readonly hash: string };
}

/** What is in force for the calls made now. */
interface CallContext {
  readonly explicit?: ExplicitId;
  /** The hash of the fingerprint that stands for the arguments. */
  readonly print?: string;
  /** The activity of this type is called for the guard itself: it is no call of the workflow, and takes no slot. */
  readonly own?: string;
}

/** @internal */
export const current = new AsyncLocalStorage<CallContext>();

/** @internal */
export const currentCall = (): CallContext => current.getStore() ?? {};

// Says only whether this bundle has the interceptors: the same for every workflow in it.
let installed = false;

/** @internal */
export const markInstalled = (): void => {
  installed = true;
};

/** @internal What history already holds was called with its id; only a new call without it would be wrong. */
export function assertInstalled(name: string): void {
  if (!installed && !workflowInfo().unsafe.isReplaying) {
    throw new Error(
      `GuardNotInstalled: ${name} needs its workflow interceptors. Give ActivityGuardPlugin to the Worker, or to bundleWorkflowCode.`,
    );
  }
}

/**
 * Runs `fn` with a request id of your own for the guarded activity it calls. The id is global in the guard's
 * namespace: two workflows that use `invoice:42` for the same activity and arguments cause one effect, and
 * both get its result. Retries of the same call inside `fn` keep the id; a second, different call is refused.
 * Child workflows started inside `fn` are not affected.
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) when the id is not a text of 1 to 512 bytes
 * @throws Error `GuardNotInstalled`, which fails the workflow task and not the workflow, when the bundle was made
 *   without the guard's interceptors: deploy it with them and the workflow goes on
 */
export function withRequestId<T>(requestId: string, fn: () => Promise<T>): Promise<T> {
  const problem = requestIdProblem(requestId);
  if (problem !== undefined)
    throw ApplicationFailure.nonRetryable(`withRequestId: ${problem}`, 'InvalidRequest');
  assertInstalled('withRequestId');
  return current.run({ ...currentCall(), explicit: { idHash: hashRequestId(requestId) } }, fn);
}

/**
 * The same function, whose calls are told apart by `fingerprint(...args)` instead of by all of their arguments: leave
 * out what changes when the workflow runs again, such as a fresh uuid or a time stamp. Works on activities, on local
 * ones, and on functions that start child workflows; what it returns must be the same in every replay.
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) when the fingerprint is `undefined` or a promise, or holds
 *   something JSON cannot
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters are contravariant: only `any` takes all
export function withFingerprint<F extends (...args: any[]) => Promise<unknown>>(
  fn: F,
  fingerprint: (...args: Parameters<F>) => unknown,
): (...args: Parameters<F>) => ReturnType<F> {
  return (...args) =>
    current.run(
      { ...currentCall(), print: printOf(fingerprint(...args)) },
      () => fn(...args) as ReturnType<F>,
    );
}

function printOf(fingerprint: unknown): string {
  const refuse = (problem: string) =>
    ApplicationFailure.nonRetryable(`withFingerprint: ${problem}`, 'InvalidRequest');
  const problem = fingerprintProblem(fingerprint);
  if (problem !== undefined) throw refuse(problem);
  try {
    return hashArgs([fingerprint]);
  } catch (cause) {
    throw refuse((cause as Error).message);
  }
}
