/** A webhook that its sender delivers twice: `node dist/examples/tools/webhook.js`. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { serve } from '@hono/node-server';
import { Hono } from 'hono';

import { Guard } from 'activity-guard';
import { honoGuard } from 'activity-guard/http';
import { run, withDatabase, type Database } from './database';

const deliveries = [
  { id: 'evt_1', order: '42' },
  { id: 'evt_2', order: '43' },
];

/** The warehouse's own list of what it has shipped. */
const shipments: string[] = [];

async function main({ receipts }: Database): Promise<void> {
  const guard = new Guard({ receipts });
  const app = new Hono();
  // Check the sender's signature before the guard: what the guard lets through is an attempt.
  app.post('/hooks/shop', honoGuard({ guard, scope: 'shop', key: 'X-Delivery-Id' }), async (c) => {
    const { order } = await c.req.json<{ order: string }>();
    return c.json({ shipment: shipments.push(order) }, 201);
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  try {
    for (const call of ['first call', 'retry'])
      for (const delivery of deliveries)
        console.log(
          `${call}: ${delivery.id} ${await deliver(`http://127.0.0.1:${port}/hooks/shop`, delivery)}`,
        );
    console.log(`effects: ${shipments.length}, intents: ${deliveries.length}`);
  } finally {
    server.close();
  }
}

/** What the sender does. */
async function deliver(url: string, { id, order }: { id: string; order: string }): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-delivery-id': id };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ order }) });
  return `${response.status} ${await response.text()}`;
}

run(() => withDatabase(main));
