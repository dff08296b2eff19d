/** Claims and settlements that go together. */
import { ReceiptStoreUnavailableError, type ClaimRequest, type Receipt, type ReceiptState } from '../../core';
import { Coalescer, type Sending } from './coalescer';
import type { Row, Run } from './driver';
import type { JustSettled } from './just-settled';
import {
  arrayOf,
  claimLists,
  claimParameters,
  settlementLists,
  wholeSettlementParameters,
  type WholeSettlement,
} from './parameters';
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

/** A claim that finds no row lost a race a moment ago; each further try sees a newer snapshot. */
const mostClaimTries = 20;

class ClaimSending implements Sending<ClaimRequest, Receipt> {
  readonly shares = true;
  /** The share of the last claims that found a row. */
  private found = 0.5;

  constructor(private readonly there: Destination) {}

  async one(request: ClaimRequest): Promise<Receipt> {
    const { sql, run, namespace } = this.there;
    let [row] = await this.guess(
      async () => run(sql.claimNew, claimParameters(namespace, request)),
      async () => run(sql.readThere, [request.key]),
    );
    for (let tries = 0; !row && tries < mostClaimTries; tries++)
      [row] = await run(sql.claim, claimParameters(namespace, request));
    if (!row) throw noRow(request);
    this.learn([row]);
    const receipt = claimedOf(row, namespace, request);
    if (isThere(row)) await confirm(this.there, request, receipt);
    return receipt;
  }

  async many(requests: readonly ClaimRequest[]): Promise<ReadonlyMap<string, Receipt>> {
    const { sql, run, namespace } = this.there;
    const rows = [
      ...(await this.guess(
        async () => run(sql.claimNewMany, claimLists(namespace, requests)),
        async () => run(sql.readThereMany, [arrayOf(requests.map(({ key }) => key))]),
      )),
    ];
    if (rows.length < requests.length) {
      const answered = new Set(rows.map((row) => row['key']));
      const rest = requests.filter(({ key }) => !answered.has(key));
      rows.push(...(await run(sql.claimMany, claimLists(namespace, rest))));
    }
    this.learn(rows);
    const asked = new Map(requests.map((request) => [request.key, request]));
    const receipts = new Map<string, Receipt>();
    const confirmed: Promise<void>[] = [];
    for (const row of rows) {
      const request = asked.get(row['key'] as string);
      if (!request) continue;
      const receipt = claimedOf(row, namespace, request);
      receipts.set(request.key, receipt);
      const confirming = isThere(row) && confirm(this.there, request, receipt);
      if (confirming) confirmed.push(confirming);
    }
    await Promise.all(confirmed);
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
    const there = rows.filter(isThere).length;
    if (rows.length > 0) this.found += weight * (there / rows.length - this.found);
  }
}

/** Read, not inserted. */
const isThere = (row: Row): boolean => typeof row['receipt'] === 'string';

/**
 * One's own claim that was there already is one whose answer was lost, perhaps while its commit still waited for a standby.
 * Reading waits for none; what is written now waits for all that was written before.
 */
export function confirm(
  { run, sql }: Destination,
  { key, token, requestId, leaseMs }: ClaimRequest,
  receipt: Receipt,
): Promise<void> | undefined {
  const isOwn = receipt.state === 'claimed' && receipt.token === token && receipt.leaseRemainingMs > 0;
  if (!isOwn) return undefined;
  return run(sql.renew, [arrayOf([key]), arrayOf([token]), leaseMs]).then((renewed) => {
    if (renewed.length === 1) return;
    throw new ReceiptStoreUnavailableError(
      `The claim on request id ${requestId} ended while it was looked at. Retry.`,
      { requestId },
    );
  });
}

const noRow = ({ requestId }: ClaimRequest): ReceiptStoreUnavailableError =>
  new ReceiptStoreUnavailableError(
    `The claim on request id ${requestId} found no row ${mostClaimTries} times. Retry.`,
    { requestId },
  );

/** How a settlement ended. */
export type Settled = ReceiptState | 'late';

export const settlementsTogether = (
  there: Destination,
  justSettled: JustSettled,
): Coalescer<WholeSettlement, Settled> => new Coalescer(new SettlementSending(there, justSettled));

/**
 * Most settle a claim that stands. Where there is none, its row may be gone (lost in a failover): then the receipt is
 * written anew. What is left came too late.
 */
class SettlementSending implements Sending<WholeSettlement, Settled> {
  readonly shares = false;

  constructor(
    private readonly there: Destination,
    private readonly justSettled: JustSettled,
  ) {}

  async one(settlement: WholeSettlement): Promise<Settled> {
    const { run, sql, namespace } = this.there;
    const { key, token, epoch, state, outcome } = settlement;
    const parameters = [key, token, state, outcome.format, outcome.bytes];
    const [row] = await run(sql.settleHeld, parameters);
    if (row) return this.settled(settlement, row);
    const [anew] = await run(sql.settleAnew, wholeSettlementParameters(namespace, settlement));
    if (anew) return this.settled(settlement, anew);
    return settledAlone(await run(sql.settle, [...parameters, epoch, namespace]));
  }

  async many(settlements: readonly WholeSettlement[]): Promise<ReadonlyMap<string, Settled>> {
    const { run, sql } = this.there;
    const rows = await run(sql.settleHeldMany, settlementLists(settlements));
    const asked = new Map(settlements.map((settlement) => [settlement.key, settlement]));
    const answers = new Map<string, Settled>();
    for (const row of rows) {
      const settlement = asked.get(row['key'] as string);
      if (settlement) answers.set(settlement.key, this.settled(settlement, row));
    }
    return answers;
  }

  sizeOf({ outcome }: WholeSettlement): number {
    return outcome.bytes.length;
  }

  private settled(settlement: WholeSettlement, row: Row): Settled {
    this.justSettled.keep(settlement, row['settled_ms']);
    return row['state'] as ReceiptState;
  }
}

/** The answer to a settlement that is the only one in its statement. */
export const settledAlone = ([row]: readonly Row[]): Settled => (row?.['state'] ?? 'late') as Settled;
