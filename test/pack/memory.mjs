// A user's ES module: one intent, asked for twice.
import assert from 'node:assert/strict';

import { Guard, memoryReceipts } from 'activity-guard';

let sent = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const send = () =>
  guard.execute({
    requestId: 'mail:1',
    action: 'send',
    payload: { to: 'a' },
    run: async () => ({ id: ++sent }),
  });

assert.equal((await send()).reason, 'executed');
const again = await send();
assert.deepEqual([again.reason, again.result, sent], ['dedup_same_request_id', { id: 1 }, 1]);
