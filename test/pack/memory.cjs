// A user's CommonJS module, and what both module systems must share: an error is of the same class in each.
const assert = require('node:assert/strict');

const { Guard, memoryReceipts, OutcomeUnknownError, RejectedError } = require('activity-guard');

async function main() {
  const guard = new Guard({ receipts: memoryReceipts() });
  let charged = 0;
  const charge = guard.wrap(
    { action: 'charge', requestId: (order) => `order:${order}` },
    async () => ++charged,
  );
  assert.deepEqual([await charge(1), await charge(1), charged], [1, 1, 1]);

  const decline = {
    requestId: 'order:2',
    action: 'charge',
    run: () => Promise.reject(new RejectedError('no funds')),
  };
  assert.equal((await guard.execute(decline)).ok, false);

  const lost = { requestId: 'order:3', action: 'charge', run: () => Promise.reject(new Error('reset')) };
  const error = await guard.execute(lost).catch((thrown) => thrown);
  assert.ok(error instanceof OutcomeUnknownError);
  const asEsModule = await import('activity-guard');
  assert.ok(error instanceof asEsModule.OutcomeUnknownError);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
