// A guarded POST in Hono, sent twice with one key.
import assert from 'node:assert/strict';

import { Guard, memoryReceipts } from 'activity-guard';
import { honoGuard } from 'activity-guard/http';
import { Hono } from 'hono';

let charged = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const app = new Hono();
app.post('/charges', honoGuard({ guard, action: 'charge', scope: () => 'shop' }), (c) =>
  c.json({ id: ++charged }, 201),
);

const post = async () => {
  const headers = { 'idempotency-key': 'k1', 'content-type': 'application/json' };
  const answer = await app.request('/charges', { method: 'POST', headers, body: '{"cents":5}' });
  return [answer.status, await answer.json()];
};
assert.deepEqual([await post(), await post(), charged], [[201, { id: 1 }], [201, { id: 1 }], 1]);
