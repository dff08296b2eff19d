/** Claims and settlements that go together. */
import type { ClaimRequest, Receipt } from '../../core';
import { Coalescer, type Sending } from './coalescer';
import type { Row, Run } from './driver';
import { arrayOf, claimLists, claimParameters, settlementLists, type WholeSettlement } from './parameters';
import { claimedOf } from './rows';
import type { Statements } from './statements';

/** Where they go. */
export interface Destination {
  readonly run: Run;
  readonly sql: Statements;
  readonly namespace: string;
}

export const claimsTogether = (there: Destination): Coalescer<ClaimRequest, Receipt> =>
  new Coalescer(new ClaimSending(there));

/** Where nearly all claims find a row, or nearly none, half of a claim's statement will do. */
const [rarely, mostly] = [0.05, 0.95];

/** How much the last statement counts in what is expected of the next one. */
const weight = 0.2;

class ClaimSending implements Sending<ClaimRequest, Receipt> {
  readonly shares = true;
  /** The share of the last claims that found a row. */
  private found = 0.5;

  constructor(private readonly there: Destination) {}

  async one(request: ClaimRequest): Promise<Receipt | undefined> {
    const { sql, run, namespace } = this.there;
    const [guess] = await this.guess(
      async () => run(sql.claimNew, claimParameters(namespace, request)),
      async () => run(sql.readThere, [request.key]),
    );
    const [row] = guess ? [guess] : await run(sql.claim, claimParameters(namespace, request));
    if (row) this.learn([row]);
    return row && claimedOf(row, namespace, request);
  }

  async many(requests: readonly ClaimRequest[]): Promise<ReadonlyMap<string, Receipt>> {
    const { sql, run, namespace } = this.there;
    const guessed = await this.guess(
      async () => run(sql.claimNewMany, claimLists(namespace, requests)),
      async () => run(sql.readThereMany, [arrayOf(requests.map(({ key }) => key))]),
    );
    const rows = byKey(guessed);
    const rest = requests.filter(({ key }) => !rows.has(key));
    if (rest.length > 0)
      for (const [key, row] of byKey(await run(sql.claimMany, claimLists(namespace, rest))))
        rows.set(key, row);
    this.learn([...rows.values()]);
    const receipts = new Map<string, Receipt>();
    for (const request of requests) {
      const row = rows.get(request.key);
      if (row) receipts.set(request.key, claimedOf(row, namespace, request));
    }
    return receipts;
  }

  private guess(
    insert: () => Promise<readonly Row[]>,
    read: () => Promise<readonly Row[]>,
  ): Promise<readonly Row[]> {
    if (this.found < rarely) return insert();
    return this.found > mostly ? read() : Promise.resolve([]);
  }

  private learn(rows: readonly Row[]): void {
    const there = rows.filter((row) => typeof row['there'] === 'string').length;
    if (rows.length > 0) this.found += weight * (there / rows.length - this.found);
  }
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

const byKey = (rows: readonly Row[]): Map<string, Row> =>
  new Map(rows.map((row) => [row['key'] as string, row]));
