/** A user's TypeScript, compiled under each kind of module resolution, and run. */
import assert from 'node:assert/strict';

import {
  committed,
  Guard,
  memoryReceipts,
  notCommitted,
  type ExecutionReceipt,
  type ReceiptStore,
} from 'activity-guard';

interface Charge {
  readonly id: string;
}

const receipts: ReceiptStore = memoryReceipts();
const guard = new Guard({ receipts });
const charges = new Map<string, Charge>();

async function charge(order: string): Promise<ExecutionReceipt<Charge>> {
  return guard.execute({
    requestId: `order:${order}`,
    action: 'charge',
    payload: { order },
    onUnknown: ({ requestId }) => {
      const found = charges.get(requestId);
      return found ? committed(found) : notCommitted();
    },
    run: async (payload, claim) => {
      const made: Charge = { id: `ch_${payload.order}` };
      charges.set(claim.requestId, made);
      return made;
    },
  });
}

async function main(): Promise<void> {
  const first = await charge('1');
  const second = await charge('1');
  assert.ok(first.ok && second.ok);
  const id: string = second.result.id;
  assert.deepEqual([id, second.replayed, charges.size], ['ch_1', true, 1]);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
