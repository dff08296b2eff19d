/** Undoing an effect: once, and tied to the receipt that it undoes. */
import { InvalidRequestError, isUnresolved, OutcomeUnknownError } from '../core';
import { compensationId, hashOfWrittenId, receiptKey, writtenIdProblem } from '../ids';
import type { Guard } from './guard';
import type { ExecuteRequest, ExecutionReceipt } from './requests';

/**
 * Undoes what happened: `run` is a refund, a cancellation, a second e-mail. Its request id is derived from the one it
 * undoes, so that it happens once, however often and wherever it is asked for; its receipt says what it undoes
 * (`origin.undoes`). All callers must give it the same payload. The same undo as that of a workflow.
 * @param receipt of what is undone, or its request id
 * @throws OutcomeUnknownError where nobody knows whether it happened: it may still happen after it was undone. Resolve it first
 * @throws InvalidRequestError where it did not happen, or is not known: there is nothing to undo
 * @throws whatever `Guard.execute` throws
 */
export async function compensate<P, R>(
  guard: Guard,
  receipt: Pick<ExecutionReceipt, 'requestId'> | string,
  request: Omit<ExecuteRequest<P, R>, 'requestId' | 'generation'>,
): Promise<ExecutionReceipt<R>> {
  const id = typeof receipt === 'string' ? receipt : (Object(receipt) as ExecutionReceipt).requestId;
  if (writtenIdProblem(id) !== undefined)
    throw new InvalidRequestError(
      'compensate needs the receipt, or the request id, of what it undoes. Nothing was run.',
    );
  const undoes = hashOfWrittenId(id);
  const found = (await guard.receipts.get(receiptKey(guard.receipts.namespace, undoes)))?.receipt;
  if (found && isUnresolved(found))
    throw new OutcomeUnknownError(
      `It is unknown whether ${id} happened, so it was not undone: it may happen after that. Resolve it first.`,
      { requestId: id },
    );
  if (found?.state !== 'committed')
    throw new InvalidRequestError(
      `${id} is ${found ? found.state : 'not known here'}, so there is nothing to undo. Nothing was run.`,
      { requestId: id },
    );
  return guard.executeFrom({ ...request, requestId: compensationId(undoes) }, { undoes });
}
