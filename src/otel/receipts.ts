/** What is unknown now, counted in the receipts: seldom, and without holding up whoever asks for the metrics. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Meter } from '@opentelemetry/api';

import { nameOf, ReceiptStoreUnavailableError, type OutstandingCounts, type ReceiptStore } from '../core';
import type { Instruments } from './instruments';
import { attribute } from './names';

/** Who asks for the metrics has a time limit of his own, and many more to get. */
const longestWaitMs = 1000;

/** A count that takes long comes seldom: it may take so little of the time that passes between two. */
const [longMs, mostShare] = [100, 0.01];

const nothing: OutstandingCounts = {
  ...{ unresolved: NaN, oldestUnresolvedMs: NaN, contested: NaN },
};

/** The counts of one store. */
class Counted {
  private nextAt = -Infinity;
  private asking: Promise<void> | undefined;
  private last: OutstandingCounts | undefined;

  constructor(
    private readonly store: ReceiptStore,
    private readonly everyMs: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  async now(): Promise<OutstandingCounts | undefined> {
    if (performance.now() >= this.nextAt) this.ask();
    await Promise.race([this.asking, delay(longestWaitMs, undefined, { ref: false })]);
    return this.last;
  }

  private ask(): void {
    const askedAt = performance.now();
    this.nextAt = askedAt + this.everyMs;
    // Since the last time: it hangs.
    if (this.asking) return this.fail(new ReceiptStoreUnavailableError('The receipts could not be counted.'));
    this.asking = this.store
      .countOutstanding()
      .then(
        (counts) => void (this.last = counts),
        (error: unknown) => this.fail(error),
      )
      .finally(() => {
        this.asking = undefined;
        const now = performance.now();
        if (now - askedAt > longMs) this.nextAt = Math.max(this.nextAt, now + (now - askedAt) / mostShare);
      });
  }

  private fail(error: unknown): void {
    this.last = undefined;
    this.onError(error);
  }
}

/** @returns what is called with each store in use; those that were there before are known */
export function observeReceipts(
  meter: Meter,
  instruments: Instruments,
  everyMs: number | undefined,
): (store: ReceiptStore) => void {
  const stores = new Map<ReceiptStore, Counted>();
  if (everyMs !== undefined) observe(meter, stores);
  const onError = (error: unknown): void =>
    instruments.count({ type: 'store-error', requestId: '', action: '', by: nameOf(error) });
  return (store) => {
    if (stores.has(store)) return;
    stores.set(store, new Counted(store, everyMs ?? Infinity, onError));
    store.onBatch?.((kind, size) => instruments.countBatch(kind, size));
  };
}

function observe(meter: Meter, stores: ReadonlyMap<ReceiptStore, Counted>): void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`activity_guard.${name}`, { unit, description });
  const unknown = gauge('unknown', '{receipt}', 'Receipts whose outcome nobody knows now');
  const oldest = gauge('unknown.oldest_age', 's', 'Since the first claim of the oldest of them');
  const contestedNow = gauge(
    'contested',
    '{receipt}',
    'Receipts that wait for a person: sources contradict each other',
  );
  meter.addBatchObservableCallback(
    async (result) => {
      const observed = [...stores].map(async ([{ namespace }, counted]) => {
        // No number where it cannot be counted now: the SDK would go on to tell an old one, which looks like a new one.
        const { unresolved, oldestUnresolvedMs = 0, contested } = (await counted.now()) ?? nothing;
        const attributes = { [attribute.namespace]: namespace };
        result.observe(unknown, unresolved, attributes);
        result.observe(oldest, oldestUnresolvedMs / 1000, attributes);
        result.observe(contestedNow, contested, attributes);
      });
      await Promise.all(observed);
    },
    [unknown, oldest, contestedNow],
  );
}
