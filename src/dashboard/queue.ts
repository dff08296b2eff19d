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
  /** There are more, older ones perhaps, than were read. */
  readonly isCut: boolean;
}

/** So many of each kind. */
const mostOfEach = 200;

/** Evidence is looked up one by one. */
const mostWithEvidence = 50;

/** What is completed elsewhere may take its time; after so long somebody should ask. */
const stuckAfterMs = 3_600_000;

/** Nobody knows of the others whether they happened. */
const rank = ({ need }: Waiting): number => (need === 'delegated' ? 1 : 0);

export async function readQueue(receipts: ReceiptStore): Promise<Queue> {
  const limit = mostOfEach;
  // At once: each of them reads all receipts, unless the database knows better.
  const [contested, unknown, delegated] = await Promise.all([
    receipts.list({ contested: true, limit }),
    receipts.list({ unresolved: true, limit }),
    receipts.list({ states: ['delegated'], limit }),
  ]);
  const stuck = delegated.filter(({ ageMs, contested }) => ageMs >= stuckAfterMs && !contested);
  const waiting = [
    ...contested.map((receipt) => ({ need: 'contested', receipt }) as const),
    ...unknown
      .filter((receipt) => !receipt.contested && isUnresolved(receipt))
      .map((receipt) => ({ need: 'unknown', receipt }) as const),
    ...stuck.map((receipt) => ({ need: 'delegated', receipt }) as const),
  ].sort((a, b) => rank(a) - rank(b) || b.receipt.ageMs - a.receipt.ageMs);
  const first = await Promise.all(
    waiting.slice(0, mostWithEvidence).map((one) => withEvidence(receipts, one)),
  );
  return {
    waiting: [...first, ...waiting.slice(mostWithEvidence)],
    isCut: [contested, unknown, delegated].some((rows) => rows.length === limit),
  };
}

async function withEvidence(receipts: ReceiptStore, one: Waiting): Promise<Waiting> {
  const found = await receipts.get(one.receipt.key);
  return { ...one, evidence: found && statementsOf(found) };
}
