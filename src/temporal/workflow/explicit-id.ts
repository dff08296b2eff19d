/** Request ids that the workflow gives itself. */
import { ApplicationFailure, AsyncLocalStorage, workflowInfo } from '@temporalio/workflow';

import { hashRequestId, requestIdProblem } from '../../ids';

/** The explicit id in force, and the one call it was used for. */
export interface ExplicitId {
  readonly idHash: string;
  call?: { readonly action: string; readonly hash: string };
}

const current = new AsyncLocalStorage<ExplicitId>();

// Says only whether this bundle has the interceptors: the same for every workflow in it.
let installed = false;

/** @internal */
export const markInstalled = (): void => {
  installed = true;
};

/** @internal */
export const currentExplicitId = (): ExplicitId | undefined => current.getStore();

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
  // What history already holds was called with its id; only a new call without it would be wrong.
  if (!installed && !workflowInfo().unsafe.isReplaying) {
    throw new Error(
      'GuardNotInstalled: withRequestId needs the workflow interceptors of activity-guard. Give ActivityGuardPlugin to the Worker, or to bundleWorkflowCode for a prebuilt bundle.',
    );
  }
  return current.run({ idHash: hashRequestId(requestId) }, fn);
}
