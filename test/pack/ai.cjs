// A guarded tool of the AI SDK, called twice for one intent.
const assert = require('node:assert/strict');

const { jsonSchema, tool } = require('ai');
const { Guard, memoryReceipts } = require('activity-guard');
const { guardTool } = require('activity-guard/ai');

let sent = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const inputSchema = jsonSchema({
  type: 'object',
  properties: { invoice: { type: 'string' } },
  required: ['invoice'],
});
const made = tool({ description: 'Sends', inputSchema, execute: async () => `mail ${++sent}` });
const send = guardTool({ guard, action: 'send', requestId: ({ invoice }) => `mail:${invoice}` }, made);

async function main() {
  const call = (toolCallId) => send.execute({ invoice: '7' }, { toolCallId, messages: [] });
  assert.deepEqual([await call('1'), await call('2'), sent], ['mail 1', 'mail 1', 1]);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
