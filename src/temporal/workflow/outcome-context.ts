/** What the outcomes interceptors are told by the functions of the `workflow-outcomes` entry, and by themselves. */
import {
  AsyncLocalStorage,
  workflowInfo,
  type ActivityInput,
  type LocalActivityInput,
} from '@temporalio/workflow';

import { current as callContext, currentCall } from './call-context';

/**
 * Names the call of a guarded activity, to undo it later. Small and plain: it can be kept, sent to another workflow, or
 * carried over a continue-as-new.
 */
export interface ReceiptReference {
  /** The call's request id; `sha256:…` where the workflow gave it one of its own. */
  readonly requestId: string;
  readonly activityType: string;
}

/** A call that is made again after a decision: exactly as it was made before. */
export type CallAgain = Pick<ActivityInput | LocalActivityInput, 'activityType' | 'args' | 'headers'> & {
  readonly options: object;
  readonly typeInfo?: ActivityInput['typeInfo'];
  /** Why the decision did not count. */
  readonly refused?: string | undefined;
};

/** Calls an activity of this type for the guard itself: the identity interceptor lets it pass. */
export const callOwn = <T>(own: string, fn: () => T): T => callContext.run({ ...currentCall(), own }, fn);

/** What is in force for the calls made now. */
interface OutcomeContext {
  readonly again?: CallAgain;
  /** Where the calls are noted. */
  readonly noted?: ReceiptReference[];
  /** The hash of the explicit id of the undo, and of the id that it undoes. */
  readonly undo?: { readonly idHash: string; readonly undoes: string };
}

const current = new AsyncLocalStorage<OutcomeContext>();

export const outcomeContext = (): OutcomeContext => current.getStore() ?? {};

export const withOutcomeContext = <T>(more: OutcomeContext, fn: () => T): T =>
  current.run({ ...outcomeContext(), ...more }, fn);

// Says only whether this bundle has the interceptors: the same for every workflow in it.
let installed = false;

export const markOutcomesInstalled = (): void => {
  installed = true;
};

/** Fails the workflow task, not the workflow: with the interceptors it goes on. What history holds is replayed without. */
export function assertOutcomesInstalled(name: string): void {
  if (installed || workflowInfo().unsafe.isReplaying) return;
  throw new Error(
    `GuardNotInstalled: ${name} needs the outcomes interceptors of activity-guard. Give ActivityGuardPlugin to the Worker, or to bundleWorkflowCode for a prebuilt bundle.`,
  );
}
