/** Rows to test a store with. */
import { randomUUID } from 'node:crypto';

import type {
  ClaimRequest,
  Outcome,
  Receipt,
  ReceiptState,
  ReceiptStore,
  TakeOverRequest,
} from '../../src/core';
import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';

/** A place for receipts that is empty at first. */
export interface StoreFixture {
  open(namespace: string): ReceiptStore;
  /** Makes all claims, and what reconciled them, two minutes older, where sweeps leave out what is new. */
  age(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a place for all tests of a `describe`, with a first store in it, and closes both after them. */
export function withPlace(
  makeStore: () => Promise<StoreFixture>,
  use: (fixture: StoreFixture, store: ReceiptStore) => void,
): void {
  let fixture: StoreFixture | undefined;
  let store: ReceiptStore | undefined;
  beforeAll(async () => {
    fixture = await makeStore();
    store = fixture.open('default');
    use(fixture, store);
  });
  afterAll(async () => {
    await store?.close();
    await fixture?.close();
  });
}

/** A lease that is over from the start: what a holder leaves behind, with no need to wait for it. */
export const over = -60_000;
export const lease = 60_000;

export const outcomeOf = (text: string, format = 'json'): Outcome => ({
  format,
  bytes: new TextEncoder().encode(text),
});
export const textOf = ({ outcome }: Receipt): string => new TextDecoder().decode(outcome?.bytes);

let ids = 0;
export const newId = (): string => `order:${++ids}:${randomUUID()}`;

export function requestFor(
  requestId: string,
  more: Partial<ClaimRequest> & { namespace?: string } = {},
): ClaimRequest {
  const { namespace = 'default', ...rest } = more;
  return {
    ...{
      key: receiptKey(namespace, hashRequestId(requestId)),
      requestId,
      action: 'charge',
      token: randomUUID(),
    },
    ...{
      fingerprint: fingerprintOf('charge', requestId),
      leaseMs: lease,
      policy: 'hold',
      origin: { worker: 'test' },
      transactional: false,
      graceMs: 0,
    },
    ...rest,
  };
}

/** The same claim by another process. */
export const another = (request: ClaimRequest, more: Partial<TakeOverRequest> = {}): TakeOverRequest => ({
  ...{ ...request, token: randomUUID(), epoch: 1, fromUnknown: false },
  ...more,
});

/** Brings a new row into a state by the steps that lead there; its lease stands, or is over. */
export async function rowIn(
  store: ReceiptStore,
  state: ReceiptState,
  leaseMs = lease,
  more: Partial<ClaimRequest> = {},
): Promise<ClaimRequest> {
  const request = requestFor(newId(), { namespace: store.namespace, leaseMs, ...more });
  await store.claim(request);
  if (state === 'unknown') await store.markUnknown(request);
  if (state === 'released') await store.release(request);
  if (state === 'delegated') await store.delegate(request);
  if (state === 'committed' || state === 'rejected')
    await store.settle({ ...request, epoch: 1, state, outcome: outcomeOf('first') });
  if (state === 'superseded' || state === 'pruned') {
    await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('first') });
    if (state === 'superseded')
      await store.supersede({ key: request.key, epoch: 1, state: 'committed', source: 'test' });
    else while ((await store.prune({ retainMs: 0 })) > 0);
  }
  return request;
}

export const states: readonly ReceiptState[] = [
  ...(['claimed', 'delegated', 'unknown', 'released', 'committed', 'rejected', 'superseded'] as const),
];

export async function read(store: ReceiptStore, { key }: { key: string }) {
  const found = await store.get(key);
  if (!found) throw new Error('there is no row');
  const { leaseRemainingMs, ageMs, ...receipt } = found.receipt;
  return {
    receipt,
    leaseRemainingMs,
    ageMs,
    evidence: found.evidence.map((e) => `${e.source}: ${e.verdict} (${e.epoch})`),
  };
}
