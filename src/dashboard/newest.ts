/** Receipts from the newest on, without outcomes, a few at a time. */
import type { ListFilter, Receipt, ReceiptStore } from '../core';

const batch = 200;

/** Each once, newest first; `before` is the time that a next search goes on from. */
export async function* newest(
  receipts: ReceiptStore,
  filter: Omit<ListFilter, 'limit' | 'afterKey'>,
): AsyncGenerator<Receipt, void> {
  let { claimedBefore } = filter;
  let limit = batch;
  let last: ReadonlySet<string> = new Set();
  for (;;) {
    const bound = claimedBefore === undefined ? {} : { claimedBefore };
    const rows = await receipts.list({ ...filter, ...bound, omitOutcomes: true, limit });
    const fresh = rows.filter(({ key }) => !last.has(key));
    yield* fresh;
    const end = rows.at(-1);
    if (end === undefined || rows.length < limit) return;
    // Others may have been claimed in the same millisecond: it is read again, as a whole.
    claimedBefore = justAfter(end);
    if (fresh.length === 0) limit *= 2;
    last = new Set(rows.map(({ key }) => key));
  }
}

/** The first time that is after a receipt's, as times are told: in milliseconds. */
export const justAfter = ({ claimedAt }: Receipt): string =>
  new Date(Date.parse(claimedAt) + 1).toISOString();
