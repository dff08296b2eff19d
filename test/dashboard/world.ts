/** Receipts at a fixed time, and the dashboard before them. */
import { createDashboard, type DashboardOptions } from '../../src/dashboard';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { another, outcomeOf, requestFor } from '../contract/rows';
import { FakeClock } from '../support/fake-clock';

export const token = 'a-token-of-the-dashboard';
export const secret = 'SECRET-4111-1111';
/** An id that would be markup, script, path and text direction, where it is not escaped. */
export const hostile = `"><script>alert(1)</script>/../%2e%2e/'\u202e&amp;`;

const minute = 60_000;
const started = { action: 'chargeCard', leaseMs: 30_000, graceMs: 10_000 };
const workflow = (id: string) => ({
  ...{ temporalNamespace: 'shop', workflowId: id, runId: '7f0c4a2e-51d4-4c0e-9b1a-6d2f0c8e5b11' },
  worker: '4711@payments-7d9f',
});

export class World {
  readonly clock = new FakeClock();
  readonly database = new MemoryDatabase(this.clock);
  readonly receipts = new MemoryReceipts(this.database);
  /** Who was woken. */
  readonly woken: string[] = [];

  dashboard(more: Partial<DashboardOptions> = {}) {
    return createDashboard({
      ...{ receipts: this.receipts, token, isLoopback: true, now: () => this.clock.wall() },
      links: { ui: 'https://temporal.example', provider: 'https://dash.example/payments/{requestId}' },
      wake: async ({ requestId }) => {
        this.woken.push(requestId);
        return 'activity';
      },
      ...more,
    });
  }

  /** A claim whose holder is gone. */
  async abandoned(requestId: string, more: Parameters<typeof requestFor>[1] = {}) {
    const request = requestFor(requestId, { ...started, ...more });
    await this.receipts.claim(request);
    return request;
  }

  /** Some hours of a shop, with something of everything that a page shows. */
  async fill(): Promise<void> {
    const { receipts, clock } = this;
    const said = (key: string, source: string, verdict: 'committed' | 'not-committed', note: string) =>
      receipts.addEvidence({ key, epoch: 1, source, verdict, note, contests: source === 'bank-export' });
    const handed = requestFor('refund:2207', {
      ...started,
      action: 'refund',
      origin: workflow('refund-2207'),
    });
    await receipts.claim(handed);
    await receipts.delegate(handed);
    await clock.advance(90 * minute);
    const paidOut = await this.abandoned('payout:2030-01', {
      action: 'payOut',
      origin: workflow('payouts-2030-01'),
    });
    await clock.advance(5 * minute);
    await said(paidOut.key, 'stripe-webhook', 'committed', 'payout po_1Q7 paid');
    await said(
      paidOut.key,
      'bank-export',
      'not-committed',
      'no transfer of this reference in the statement of 1 January',
    );
    const charged = await this.abandoned('invoice:1042', { origin: workflow('checkout-1042') });
    await clock.advance(minute);
    await receipts.takeOver({ ...another(charged), epoch: 1, fromUnknown: true });
    await receipts.addEvidence({
      ...{ key: charged.key, epoch: 2 },
      source: 'probe',
      verdict: 'undetermined',
    });
    for (let i = 0; i < 40; i++) await this.settled(i);
    await this.abandoned('invoice:1043', { origin: workflow('checkout-1043'), leaseMs: 0, graceMs: 45_000 });
    await clock.advance(12_000);
  }

  private async settled(index: number): Promise<void> {
    const { receipts, clock } = this;
    const action = index % 3 === 0 ? 'sendReceipt' : 'chargeCard';
    const request = requestFor(`invoice:${900 + index}:${action}`, { ...started, action });
    await receipts.claim(request);
    await clock.advance(150 + ((index * 37) % 11) * 90);
    const state = index % 13 === 12 ? 'rejected' : 'committed';
    await receipts.settle({ ...request, epoch: 1, state, outcome: outcomeOf(JSON.stringify(secret)) });
    await clock.advance(8000 + ((index * 53) % 17) * 1000);
  }
}
