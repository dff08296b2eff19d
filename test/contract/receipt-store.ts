/** What every store of receipts must do: one suite, run on each of them. */
import { describeCare } from './care';
import { describeClaims } from './claims';
import { describeEvidence } from './evidence';
import { describeOutcomes } from './outcomes';
import { describeOutstanding } from './outstanding';
import { describeReading } from './reading';
import type { StoreFixture } from './rows';

export type { StoreFixture } from './rows';

/** @param makeStore makes an empty place for receipts; called once for each part of the suite */
export function describeReceiptStore(name: string, makeStore: () => Promise<StoreFixture>): void {
  describeClaims(name, makeStore);
  describeOutcomes(name, makeStore);
  describeCare(name, makeStore);
  describeEvidence(name, makeStore);
  describeOutstanding(name, makeStore);
  describeReading(name, makeStore);
}
