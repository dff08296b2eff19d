/** Undoing an effect: once, and tied to the receipt that it undoes. */
import { ApplicationFailure } from '@temporalio/workflow';

import { compensationId, hashOfWrittenId } from '../../ids/receipt-id';
import { hashRequestId } from '../../ids/request-id';
import { withRequestId } from './call-context';
import { assertOutcomesInstalled, withOutcomeContext, type ReceiptReference } from './outcome-context';

/**
 * Runs `fn`, which calls one guarded activity, and gives its result together with a reference to its receipt, for
 * {@link compensate}. The same call made again inside `fn` is the same receipt; a second, different call is refused before
 * it is made. Of an activity that gives itself its id (`requestId: (…args) => …`) the workflow does not know the id: give
 * it with `withRequestId`, or two workflows that share the effect would each undo it.
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) when `fn` calls two different activities, or none
 * @throws Error `GuardNotInstalled`, which fails the workflow task and not the workflow, when the bundle was made without
 *   the guard's interceptors
 */
export async function withReceipt<T>(
  fn: () => Promise<T>,
): Promise<{ readonly result: T; readonly receipt: ReceiptReference }> {
  assertOutcomesInstalled('withReceipt');
  const noted: ReceiptReference[] = [];
  const result = await withOutcomeContext({ noted }, fn);
  const [receipt] = noted;
  if (!receipt) {
    throw ApplicationFailure.nonRetryable(
      'withReceipt: no activity with a request id was called. Call the guarded activity inside of it, once.',
      'InvalidRequest',
    );
  }
  return { result, receipt };
}

/**
 * Undoes the effect of a receipt: `fn` calls one guarded activity, such as a refund, whose request id is derived from
 * the one it undoes. So it happens once for each receipt, however often it is retried and whichever workflow asks for it,
 * and its receipt says what it undoes (`origin.undoes`). All callers must give it the same arguments.
 *
 * Compensate only what is known to have happened. Never compensate an unknown outcome (`isOutcomeUnknown`): it may still
 * happen after it was undone. Resolve it first.
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) when the reference is none, or `fn` calls something else
 *   after its first call
 * @throws Error `GuardNotInstalled`, which fails the workflow task and not the workflow, when the bundle was made without
 *   the guard's interceptors
 */
export async function compensate<T>(receipt: ReceiptReference, fn: () => Promise<T>): Promise<T> {
  assertOutcomesInstalled('compensate');
  const { requestId } = Object(receipt) as { requestId?: unknown };
  if (typeof requestId !== 'string' || requestId === '') {
    throw ApplicationFailure.nonRetryable(
      'compensate: this is not the receipt that withReceipt gave: it has no requestId. Nothing was undone.',
      'InvalidRequest',
    );
  }
  const undoes = hashOfWrittenId(requestId);
  const id = compensationId(undoes);
  const undo = { idHash: hashRequestId(id), undoes };
  return withOutcomeContext({ undo }, () => withRequestId(id, fn));
}
