/** Finding receipts by what people know of them. */
import type { ListFilter, Receipt, ReceiptState, ReceiptStore } from '../core';
import { stateFilter } from '../operator';
import { newest, justAfter } from './newest';

/** What is asked for. */
export interface Query {
  /** A part of the request id, the action, or anything that the claim says of where it came from. */
  readonly text: string;
  readonly action: string;
  readonly state: ReceiptState | 'contested' | undefined;
  readonly since: string | undefined;
  readonly before: string | undefined;
}

/** What was found, newest first. */
export interface Hits {
  readonly receipts: readonly Receipt[];
  /** How many receipts were looked at for the text. */
  readonly looked: number;
  /** Where to go on, where not all were looked at. */
  readonly goOnBefore: string | undefined;
}

const mostHits = 50;
const mostLooked = 5000;
const longestMs = 3000;

function filterOf({ state, action, since, before }: Query): ListFilter {
  return {
    ...stateFilter(state),
    ...(action === '' ? {} : { action }),
    ...(since === undefined ? {} : { claimedSince: since }),
    ...(before === undefined ? {} : { claimedBefore: before }),
  };
}

const holds = (receipt: Receipt, text: string): boolean =>
  [receipt.requestId, receipt.action, ...Object.values(receipt.origin)].some((value) =>
    value.toLowerCase().includes(text),
  );

/** What a workflow claimed is found however long ago that was; other texts among so many of the newest. */
export async function search(receipts: ReceiptStore, query: Query, now: () => number): Promise<Hits> {
  const filter = filterOf(query);
  const text = query.text.toLowerCase();
  const found = new Map<string, Receipt>();
  if (text !== '')
    for (const receipt of await receipts.list({
      ...{ ...filter, workflowId: query.text },
      ...{ omitOutcomes: true, limit: mostHits },
    }))
      found.set(receipt.key, receipt);
  const end = now() + longestMs;
  let looked = 0;
  let goOnBefore: string | undefined;
  for await (const receipt of newest(receipts, filter)) {
    looked++;
    if (holds(receipt, text)) found.set(receipt.key, receipt);
    const next = justAfter(receipt);
    goOnBefore = next === query.before ? receipt.claimedAt : next; // too many in one millisecond: past it
    if (found.size >= mostHits || looked >= mostLooked || now() > end)
      return { receipts: inOrder(found), looked, goOnBefore };
  }
  return { receipts: inOrder(found), looked, goOnBefore: undefined };
}

const inOrder = (found: ReadonlyMap<string, Receipt>): Receipt[] =>
  [...found.values()].sort((a, b) => (a.claimedAt < b.claimedAt ? 1 : -1));
