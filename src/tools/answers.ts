/** What became of a guarded call, as an answer to a model. */
import { ActivityGuardError, errorMessage, errorName } from '../core';
import type { ExecutionReceipt } from '../guard';
import { statusOf, type ToolAnswer } from '../tool-answers';

export { isFailure, replayNote, textOf } from '../tool-answers';
export type { ToolAnswer } from '../tool-answers';

/** The answer of a receipt. */
export function answerOf<R>(receipt: ExecutionReceipt<R>): ToolAnswer<R> {
  const { requestId, replayed } = receipt;
  if (receipt.ok) return { status: 'done', requestId, replayed, result: receipt.result };
  const { error } = receipt;
  const told = { name: errorName(error), message: errorMessage(error) };
  return { status: 'refused', requestId, replayed, error: told };
}

/** The answer of what a guarded call threw; anything that is no error of the guard is thrown on. */
export function answerTo(error: unknown): ToolAnswer<never> {
  if (!(error instanceof ActivityGuardError)) throw error;
  return { status: statusOf[error.code], requestId: error.requestId, code: error.code };
}
