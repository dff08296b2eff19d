/** What is known of request ids, without results: those are told to who claims the same again. */
import {
  checkedAction,
  InvalidRequestError,
  isUnresolved,
  type Receipt,
  type ReceiptState,
  type ReceiptStore,
} from '../core';
import { keyOfWrittenId } from '../ids';
import { asking } from './asking';
import { checkWritten } from './written';

/** Which receipts to tell of. */
export interface UnknownFilter {
  readonly action?: string | undefined;
  /** At most so many, the newest: 20 unless given, 100 at most. */
  readonly limit?: number | undefined;
}

/** A receipt without its outcome, which is told only to who claims the same again. */
export interface ReceiptSummary {
  readonly requestId: string;
  readonly state: ReceiptState;
  /** Sources contradict each other: a person decides. */
  readonly contested: boolean;
  readonly action: string;
  readonly epoch: number;
  readonly claimedAt: string;
  readonly settledAt: string | undefined;
}

/**
 * What is known of a request id, without its result: that is told to who claims the same again.
 * @returns `undefined` where there is no receipt
 * @throws InvalidRequestError for what is no request id
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached
 */
export async function statusOf(
  receipts: ReceiptStore,
  requestId: string,
): Promise<ReceiptSummary | undefined> {
  checkWritten('status', requestId);
  const key = keyOfWrittenId(receipts.namespace, requestId);
  const found = await asking(requestId, () => receipts.get(key));
  return found && summaryOf(found.receipt);
}

/**
 * What nobody knows the outcome of, newest first.
 * @throws InvalidRequestError for a limit that is none
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached
 */
export async function unknownReceipts(
  receipts: ReceiptStore,
  { action, limit = 20 }: UnknownFilter = {},
): Promise<readonly ReceiptSummary[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new InvalidRequestError('limit is a whole number from 1 to 100.');
  const only = action === undefined ? {} : { action: checkedAction(action) };
  const found = await asking('', () => receipts.list({ ...only, unresolved: true, limit }));
  return found.map(summaryOf);
}

/** A lease that ran out makes it unknown, whether or not somebody has written that down. */
export function summaryOf(receipt: Receipt): ReceiptSummary {
  const { requestId, action, epoch, contested, claimedAt, settledAt } = receipt;
  const state = isUnresolved(receipt) ? 'unknown' : receipt.state;
  return { requestId, state, contested, action, epoch, claimedAt, settledAt };
}
