/** What needs somebody: the queue, oldest first. */
import { isUnresolved, type Evidence, type Receipt, type ReceiptStore } from '../core';
import { statementsOf } from './timeline';

/** Why a receipt is in the queue. */
export type Need = 'contested' | 'unknown' | 'delegated';

/** One of the queue. */
export interface Waiting {
  readonly need: Need;
  readonly receipt: Receipt;
  /** What sources have said of it; looked up for the first ones only. */
  readonly evidence?: readonly Evidence[] | undefined;
}

/** All of them. */
export interface Queue {
  readonly waiting: readonly Waiting[];
  /** There are more, newer ones, than were read. */
  readonly isCut: boolean;
}

const most = 500;

/** Evidence is looked up one by one. */
const mostWithEvidence = 50;

/** What is completed elsewhere may take its time; after so long somebody should ask. */
const stuckAfterMs = 3_600_000;

function needOf(receipt: Receipt): Need | undefined {
  if (receipt.contested) return 'contested';
  if (isUnresolved(receipt)) return 'unknown';
  return receipt.ageMs >= stuckAfterMs ? 'delegated' : undefined;
}

export async function readQueue(receipts: ReceiptStore): Promise<Queue> {
  const found = await receipts.outstanding(most);
  const waiting = found.flatMap((receipt) => {
    const need = needOf(receipt);
    return need === undefined ? [] : [{ need, receipt }];
  });
  const first = await Promise.all(
    waiting.slice(0, mostWithEvidence).map((one) => withEvidence(receipts, one)),
  );
  return {
    waiting: [...first, ...waiting.slice(mostWithEvidence)],
    // What was handed over just now comes last.
    isCut: waiting.length === most,
  };
}

async function withEvidence(receipts: ReceiptStore, one: Waiting): Promise<Waiting> {
  const found = await receipts.get(one.receipt.key);
  return { ...one, evidence: found && statementsOf(found) };
}
