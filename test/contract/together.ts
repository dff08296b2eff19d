/** A store on which every call takes the way of many, with their claims told, as the engine tells them. */
import type { ClaimRequest, ReceiptStore } from '../../src/core';
import type { PostgresReceipts } from '../../src/stores/pg';
import type { StoreFixture } from './rows';

interface Way {
  sending: {
    one(item: { key: string }): Promise<unknown>;
    many(items: readonly { key: string }[]): Promise<ReadonlyMap<string, unknown>>;
  };
}

function manyOnly(store: PostgresReceipts): ReceiptStore {
  for (const way of ['claims', 'settlements'] as const) {
    const { sending } = (store as unknown as Record<typeof way, Way>)[way];
    const alone = sending.one.bind(sending);
    sending.one = async (item) => (await sending.many([item])).get(item.key) ?? alone(item);
  }
  const claims = new Map<string, { request: ClaimRequest; claimedAt: string }>();
  return new Proxy<ReceiptStore>(store, {
    get: (target, name: keyof ReceiptStore) => {
      if (name === 'claim')
        return async (request: ClaimRequest) => {
          const receipt = await target.claim(request);
          if (receipt.token === request.token)
            claims.set(request.token, { request, claimedAt: receipt.claimedAt });
          return receipt;
        };
      if (name === 'settle')
        return (settlement: Parameters<ReceiptStore['settle']>[0]) =>
          target.settle({ ...settlement, claim: claims.get(settlement.token) });
      const found: unknown = Reflect.get(target, name);
      return typeof found === 'function' ? (found as () => unknown).bind(target) : found;
    },
  });
}

/** A place for receipts of Postgres. */
export interface PostgresFixture {
  open(namespace?: string): PostgresReceipts;
  age(): Promise<void>;
  close(): Promise<void>;
}

const shareFound = { 'new ids': 0, 'settled ids': 1, anything: 0.5 };
type Expected = keyof typeof shareFound;

/** The store, which from now on expects of every claim what is told, whatever came before. */
export function expectOf(store: PostgresReceipts, what: Expected): PostgresReceipts {
  const { sending } = (store as unknown as { claims: { sending: object } }).claims;
  Object.defineProperty(sending, 'found', {
    get: () => shareFound[what],
    set: () => undefined,
  });
  return store;
}

export async function expecting(what: Expected, making: Promise<PostgresFixture>): Promise<PostgresFixture> {
  const fixture = await making;
  return { ...fixture, open: (namespace) => expectOf(fixture.open(namespace), what) };
}

export async function together(making: Promise<PostgresFixture>): Promise<StoreFixture> {
  const fixture = await making;
  return { ...fixture, open: (namespace) => manyOnly(fixture.open(namespace)) };
}
