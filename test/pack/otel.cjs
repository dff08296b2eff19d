// A guard that is seen through OpenTelemetry's API, without an SDK behind it.
const assert = require('node:assert/strict');

const { Guard, memoryReceipts } = require('activity-guard');
const { telemetry } = require('activity-guard/otel');

async function main() {
  const guard = new Guard({ receipts: memoryReceipts(), telemetry: telemetry() });
  const call = () => guard.execute({ requestId: 'mail:1', action: 'send', run: async () => 'sent' });
  assert.deepEqual([(await call()).reason, (await call()).reason], ['executed', 'dedup_same_request_id']);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
