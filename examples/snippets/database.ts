/** The guide for effects in the database that holds the receipts. */
import { guarded } from 'activity-guard/activity';
import type { pgReceipts } from 'activity-guard/pg';

/** What is booked. */
export interface Booking {
  readonly account: string;
  readonly cents: number;
}

/** A booking that commits with its receipt. */
export const booking = (receipts: ReturnType<typeof pgReceipts>) =>
  // #region book
  guarded({ transactional: true }, async function book(entry: Booking) {
    return receipts.transaction(async (tx) => {
      const { rows } = await tx.query(
        'insert into bookings (account, cents) values ($1, $2) returning id::int',
        [entry.account, entry.cents],
      );
      return { booking: (rows[0] as { id: number }).id };
    });
  });
// #endregion
