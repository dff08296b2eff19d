// A guarded tool of LangChain.js, called twice for one intent.
const assert = require('node:assert/strict');

const { tool } = require('@langchain/core/tools');
const { Guard, memoryReceipts } = require('activity-guard');
const { guardTool } = require('activity-guard/langchain');

let sent = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const schema = { type: 'object', properties: { invoice: { type: 'string' } }, required: ['invoice'] };
const made = tool(async () => `mail ${++sent}`, { name: 'send', description: 'Sends', schema });
const send = guardTool({ guard, requestId: ({ invoice }) => `mail:${invoice}` }, made);

async function main() {
  const call = () => send.invoke({ invoice: '7' });
  assert.deepEqual([await call(), await call(), sent], ['mail 1', 'mail 1', 1]);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
