/** The person of the campaign: looks at the provider for what nobody else finds out, and says what it has. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Client } from '@temporalio/client';

import { recordEvidence, type Receipt, type ReceiptStore } from 'activity-guard';
import { wakeWaiting } from 'activity-guard/client';
import { isTooEarly } from '../../src/core';
import type { Payments } from './payments';

const everyMs = 1000;
/** Temporal's history comes first, and for a step its own next attempt, if there is one: no reconciler asks about steps. */
const patienceMs = { hold: 1500, step: 10_000 };

export class Operator {
  private isOver = false;
  private running: Promise<void> | undefined;
  private readonly seen = new Map<string, number>();

  constructor(
    private readonly receipts: ReceiptStore,
    private readonly payments: Payments,
    private readonly client: Client,
  ) {}

  start(): void {
    this.running = this.work();
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async work(): Promise<void> {
    while (!this.isOver) {
      // The database or the provider is away: another time.
      await this.lookAround().catch(() => undefined);
      await delay(everyMs);
    }
  }

  private async lookAround(): Promise<void> {
    for (const receipt of await this.receipts.list({ unresolved: true })) {
      const since = this.seen.get(receipt.key) ?? performance.now();
      this.seen.set(receipt.key, since);
      const isStep = 'step' in receipt.origin;
      const isOurs = (receipt.policy === 'hold' || isStep) && !isTooEarly(receipt);
      if (isOurs && performance.now() - since > patienceMs[isStep ? 'step' : 'hold'])
        await this.decide(receipt);
    }
  }

  private async decide(receipt: Receipt): Promise<void> {
    const { requestId } = receipt;
    const found = await this.payments.find(requestId);
    const source = 'provider-ledger';
    const { state } = await recordEvidence(
      this.receipts,
      found
        ? { requestId, source, verdict: 'committed', result: found }
        : { requestId, source, verdict: 'not-committed' },
    );
    if (state === 'unknown') return;
    await wakeWaiting(this.client, receipt);
  }
}
