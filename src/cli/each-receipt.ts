/** All receipts, page by page, and bounded work on each. */
import type { ListFilter, Receipt, ReceiptStore } from '../core';

/** Receipts come with their outcomes: a page of these should fit into memory however large they are. */
const pageSize = 250;

/** Before every key. */
const firstKey = '00000000-0000-0000-0000-000000000000';

/** Every receipt that `filter` lets through, in the order of the keys; what is claimed meanwhile may be among them. */
export async function* eachReceipt(
  receipts: Pick<ReceiptStore, 'list'>,
  filter: Omit<ListFilter, 'afterKey' | 'limit'>,
): AsyncGenerator<Receipt> {
  let afterKey: string | undefined = firstKey;
  while (afterKey !== undefined) {
    const page: readonly Receipt[] = await receipts.list({ ...filter, afterKey, limit: pageSize });
    yield* page;
    afterKey = page.length === pageSize ? page.at(-1)?.key : undefined;
  }
}

/** How many are looked at side by side: fewer than a pool has connections. */
const sideBySide = 8;

/** Works on all items, several at a time; the first failure ends it. */
export async function forEach<T>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const all = (async function* () {
    yield* items;
  })();
  // One iterator for all of them: each takes the next item when it is done with one.
  const worker = async (): Promise<void> => {
    for (let next = await all.next(); next.done !== true; next = await all.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: sideBySide }, worker));
}
