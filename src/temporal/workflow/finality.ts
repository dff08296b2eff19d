/** Waiting until an outcome is final. */
import { ApplicationFailure, proxyActivities, type ActivityOptions } from '@temporalio/workflow';

import { finalityActivity } from '../decisions';
import { callOwn, type ReceiptReference } from './outcome-context';

type Finalities = Record<typeof finalityActivity, (requestId: string) => Promise<'committed' | 'rejected'>>;

/**
 * Waits, durably, until the outcome of a receipt is final by the `finality` of its effect: before an irreversible step that
 * must not be taken on something provisional. Without such terms an outcome is final once it is settled. A contested one
 * waits for a person.
 * @param receipt what `withReceipt` gave
 * @param options of the activity that looks, such as its `taskQueue` (where a worker with the guard is) or a
 *   `scheduleToCloseTimeout` that ends the wait
 * @returns in which state it is final
 * @throws ApplicationFailure `InvalidRequest` (non-retryable) when there is no such receipt
 */
export async function untilFinal(
  receipt: ReceiptReference,
  options: Pick<ActivityOptions, 'taskQueue' | 'scheduleToCloseTimeout' | 'cancellationType'> = {},
): Promise<'committed' | 'rejected'> {
  const { requestId } = Object(receipt) as { requestId?: unknown };
  if (typeof requestId !== 'string' || requestId === '') {
    throw ApplicationFailure.nonRetryable(
      'untilFinal: this is not the receipt that withReceipt gave: it has no requestId.',
      'InvalidRequest',
    );
  }
  const { [finalityActivity]: look } = proxyActivities<Finalities>({ startToCloseTimeout: '1m', ...options });
  return callOwn(finalityActivity, () => look(requestId));
}
