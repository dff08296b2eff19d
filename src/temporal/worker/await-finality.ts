/** The activity by which a workflow waits until an outcome is final. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';

import { holdDelayMs, lookForFinality, showCommand, type ReceiptStore } from '../../core';
import { keyOfWrittenId } from '../../ids';

/**
 * The state in which a receipt is final. Until then it fails, to be asked again at growing intervals.
 * @throws ApplicationFailure `NotFinal`, retryable; `InvalidRequest`, non-retryable, where there is no such receipt
 */
export async function awaitFinality(receipts: ReceiptStore, requestId: string): Promise<string> {
  const known = await receipts.get(keyOfWrittenId(receipts.namespace, requestId));
  if (!known) {
    throw ApplicationFailure.nonRetryable(
      `untilFinal: no receipt has request id ${requestId} in namespace ${receipts.namespace}. Give it the receipt that withReceipt gave.`,
      'InvalidRequest',
    );
  }
  const finality = await lookForFinality(receipts, known);
  if (finality === 'final') return known.receipt.state;
  const whatNow = finality === 'contested' ? ` Look at it: ${showCommand(requestId)}` : '';
  throw ApplicationFailure.create({
    message: `The outcome of request id ${requestId} is not final but ${finality}; asked again later.${whatNow}`,
    type: 'NotFinal',
    nextRetryDelay: holdDelayMs(Context.current().info.attempt),
    details: [{ requestId, finality }],
  });
}
