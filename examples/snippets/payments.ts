/** The guide for payment providers. `Provider` is what is needed of such a client, in the form that Stripe's has. */
import { committed, notCommitted } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';

/** What is charged. */
export interface Order {
  readonly id: string;
  readonly cents: number;
  readonly currency: string;
}

/** What the provider has of a charge. */
export interface Charge {
  readonly id: string;
  readonly status: string;
}

interface NewCharge {
  readonly amount: number;
  readonly currency: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The part of the provider's client that is used. */
export interface Provider {
  readonly charges: {
    create(charge: NewCharge, options?: { idempotencyKey: string }): Promise<Charge>;
    search(query: { query: string }): Promise<{ data: readonly Charge[] }>;
  };
}

// #region declined
/** The provider's final no is stored and thrown again; every other error leaves the outcome unknown. */
const classify = (error: unknown) =>
  (error as { type?: string }).type === 'StripeCardError' ? 'rejected' : undefined;
// #endregion

/** A charge under the provider's own idempotency key. */
export const byKey = (stripe: Provider) =>
  // #region key
  guarded({ onUnknown: 'retry', providerKeyTtl: '23h', classify }, async function chargeCard(order: Order) {
    return stripe.charges.create(
      { amount: order.cents, currency: order.currency, metadata: { request_id: requestId() } },
      { idempotencyKey: requestId() },
    );
  });
// #endregion

/** A charge that is looked for where nobody knows. */
export const bySearch = (stripe: Provider) =>
  // #region search
  guarded(
    {
      classify,
      graceFor: '2m', // the longest request, plus how far the search may be behind
      onUnknown: async ({ requestId }) => {
        const { data } = await stripe.charges.search({ query: `metadata['request_id']:'${requestId}'` });
        return data[0] ? committed(data[0]) : notCommitted();
      },
    },
    async function chargeCard(order: Order) {
      return stripe.charges.create({
        amount: order.cents,
        currency: order.currency,
        metadata: { request_id: requestId() },
      });
    },
  );
// #endregion
