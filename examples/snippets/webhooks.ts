/** The guide for webhooks: handling each once, and learning from them what became of an effect. */
import { Hono } from 'hono';

import { recordEvidence, requestId, type Guard, type ReceiptStore } from 'activity-guard';
import { honoGuard } from 'activity-guard/http';

/** What the provider sends. */
export interface Event {
  readonly id: string;
  readonly charge: { readonly id: string; readonly metadata: { readonly request_id: string } };
}

/** What the handlers need. */
export interface World {
  readonly guard: Guard;
  readonly receipts: ReceiptStore;
  readonly isSigned: (body: string, signature: string | undefined) => boolean;
  readonly ship: (charge: string, reference: string) => Promise<{ shipment: number }>;
}

/** The two handlers of the guide. */
export function webhooks({ guard, receipts, isSigned, ship }: World): Hono {
  const app = new Hono();
  // #region signed
  app.use('/hooks/*', async (c, next) => {
    if (!isSigned(await c.req.text(), c.req.header('X-Signature'))) return c.text('not signed', 401);
    return next();
  });
  // #endregion
  // #region once
  app.post('/hooks/paid', honoGuard({ guard, scope: 'provider', key: 'X-Delivery-Id' }), async (c) => {
    const event = await c.req.json<Event>();
    return c.json(await ship(event.charge.id, requestId()), 201);
  });
  // #endregion
  // #region evidence
  app.post('/hooks/charge-succeeded', async (c) => {
    const { charge } = await c.req.json<Event>();
    await recordEvidence(receipts, {
      requestId: charge.metadata.request_id, // what the activity handed to the provider
      source: 'provider-webhook',
      verdict: 'committed',
      result: charge, // what the activity would have returned
    });
    return c.body(null, 204);
  });
  // #endregion
  return app;
}
