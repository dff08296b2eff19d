/** The guide for those who have idempotency keys of their own. */
import { recordEvidence, type ReceiptStore } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';

/** What is paid out. */
export interface Payout {
  readonly invoice: string;
  readonly cents: number;
}

/** A row of the table that the home-made keys were in. */
export interface OldKey {
  readonly key: string;
  readonly response: unknown;
}

/** A payout under the key it has always had. */
export const payingOut = (bank: { pay(payout: Payout, key: string): Promise<{ id: string }> }) =>
  // #region same-key
  guarded(
    { requestId: (payout: Payout) => `payout:${payout.invoice}` }, // the key that you have used so far
    async function payOut(payout: Payout) {
      return bank.pay(payout, requestId());
    },
  );
// #endregion

/** Takes over what is done already. */
export async function takeOver(receipts: ReceiptStore, oldKeys: AsyncIterable<OldKey>): Promise<number> {
  let kept = 0;
  // #region take-over
  for await (const { key, response } of oldKeys) {
    await recordEvidence(receipts, {
      requestId: key,
      source: 'old-keys',
      verdict: 'committed',
      result: response,
    });
    kept++;
  }
  // #endregion
  return kept;
}
