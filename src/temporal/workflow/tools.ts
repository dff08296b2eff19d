/** For workflow code: tools of an agent's loop that act once for each intent of its plan. Safe in the workflow sandbox. */
import { ActivityFailure, ApplicationFailure, inWorkflowContext, isCancellation } from '@temporalio/workflow';

// Not by their index: the bundle would hold what only workers need.
import { hashedRequestId } from '../../ids/receipt-id';
import { fingerprintProblem, hashRequestId, requestIdProblem } from '../../ids/request-id';
import { statusOf, toolFailure, type ToolFailure } from '../../tool-answers';
import { assertInstalled, withFingerprint, withRequestId } from './call-context';
import { isRejectionOf } from './failures';

export { isToolFailure } from '../../tool-answers';
export type { ToolFailure } from '../../tool-answers';

/** How a tool is guarded. */
export interface WorkflowToolGuard<I> {
  /**
   * Names the intent of a call, from the plan that the model works off: the id of the plan and of its step. The same id is
   * the same act, in later turns and in every workflow of the guard's namespace. Not from what the model words, nor from the
   * id of the tool call: both change with each try. `undefined` where the plan has no such intent: nothing is done.
   */
  readonly intentId: (input: I) => string | undefined;
  /**
   * What must not differ under one id; the input unless given, or what the activity's own `fingerprint` says. Leave out what
   * the model words anew, keep what would be another act: other words are a conflict otherwise.
   */
  readonly fingerprint?: (input: I) => unknown;
}

/**
 * Makes a guarded activity the `execute` of a tool: `tool({ inputSchema, execute: guardTool({ intentId }, pay) })` of the
 * AI SDK, or a function of your own loop. It gives the activity's result, the same one whenever the model calls for the
 * intent again. What became of it otherwise (refused, unknown, in flight, an id that belongs to something else) is a
 * {@link ToolFailure} for the model to read. Cancellation, and every error that is not the activity's, is thrown.
 *
 * Of what a framework hands to `execute` only the input reaches the activity.
 * @param activity calls one activity, which must be guarded, as a whole: of one with steps the answer is about the step that
 *   failed
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) for options that guard nothing
 * @throws Error `GuardNotInstalled`, which fails the workflow task and not the workflow, when the bundle was made
 *   without the guard's interceptors
 */
export function guardTool<I, R>(
  { intentId, fingerprint }: WorkflowToolGuard<NoInfer<I>>,
  activity: (input: I) => Promise<R>,
): (input: I) => Promise<R | ToolFailure> {
  if (typeof intentId !== 'function' || typeof activity !== 'function') {
    throw ApplicationFailure.nonRetryable(
      'guardTool({ intentId }, activity) needs intentId: (input) => the id of the intent in the plan, and the guarded activity.',
      'InvalidRequest',
    );
  }
  // Not only at the call: frameworks tell the model of what a tool throws, and go on.
  if (inWorkflowContext()) assertInstalled('guardTool');
  return async (input) => {
    const requestId = intentId(input);
    const content = fingerprint?.(input);
    if (
      requestId === undefined ||
      requestIdProblem(requestId) ||
      (fingerprint && fingerprintProblem(content))
    )
      return toolFailure({ status: 'invalid', requestId: undefined, code: 'InvalidRequest' });
    const call = fingerprint ? withFingerprint(activity, () => content) : activity;
    try {
      return await withRequestId(requestId, () => call(input));
    } catch (error) {
      return failureOf(error, requestId);
    }
  };
}

/** How the activity ended, in words; what is not its end is the workflow's, and thrown on. */
function failureOf(error: unknown, requestId: string): ToolFailure {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  const { cause } = error;
  const { type, message } = cause instanceof ApplicationFailure ? cause : { type: null, message: '' };
  if (isRejectionOf(error, hashedRequestId(hashRequestId(requestId)))) {
    const refusal = { name: type ?? 'Error', message };
    return toolFailure({ status: 'refused', requestId, replayed: false, error: refusal });
  }
  const code = isLastWord(type) ? type : 'OutcomeUnknown';
  return toolFailure({ status: statusOf[code], requestId, code });
}

/**
 * While the receipts are away nobody knows what the attempts before the last one did. A rejection without the mark of the
 * call is that of a step, and other steps may have acted.
 */
const saysTooLittle: readonly unknown[] = ['ReceiptStoreUnavailable', 'Rejected'];

/** Whether a code tells how the whole call ended. Time-outs and failures that are not the guard's have none. */
const isLastWord = (type: unknown): type is keyof typeof statusOf =>
  typeof type === 'string' && Object.hasOwn(statusOf, type) && !saysTooLittle.includes(type);
