/** Claims and settlements that go together. */
import type { ClaimRequest, Receipt } from '../../core';
import { Coalescer } from './coalescer';
import type { Row, Run } from './driver';
import { claimLists, claimParameters, settlementLists, type WholeSettlement } from './parameters';
import { claimedOf } from './rows';
import type { Statements } from './statements';

/** Where they go. */
export interface Destination {
  readonly run: Run;
  readonly sql: Statements;
  readonly namespace: string;
}

export function claimsTogether({ run, sql, namespace }: Destination): Coalescer<ClaimRequest, Receipt> {
  return new Coalescer({
    shares: true,
    one: async (request) => {
      const [row] = await run(sql.claim, claimParameters(namespace, request));
      return row && claimedOf(row, namespace, request);
    },
    many: async (requests) => {
      const rows = byKey(await run(sql.claimMany, claimLists(namespace, requests)));
      const receipts = new Map<string, Receipt>();
      for (const request of requests) {
        const row = rows.get(request.key);
        if (row) receipts.set(request.key, claimedOf(row, namespace, request));
      }
      return receipts;
    },
  });
}

export function settlementsTogether({ run, sql, namespace }: Destination): Coalescer<WholeSettlement, Row> {
  const settleMany = (settlements: readonly WholeSettlement[]): Promise<readonly Row[]> =>
    run(sql.settleMany, settlementLists(namespace, settlements));
  return new Coalescer({
    shares: false,
    one: async (settlement) => {
      const { key, token, state, outcome } = settlement;
      const held = await run(sql.settleHeld, [key, token, state, outcome.format, outcome.bytes]);
      return held[0] ?? (await settleMany([settlement]))[0];
    },
    many: async (settlements) => byKey(await settleMany(settlements)),
    sizeOf: ({ outcome }) => outcome.bytes.length,
  });
}

const byKey = (rows: readonly Row[]): ReadonlyMap<string, Row> =>
  new Map(rows.map((row) => [row['key'] as string, row]));
