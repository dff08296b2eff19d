// A guarded tool of the OpenAI Agents SDK, called twice for one intent.
const assert = require('node:assert/strict');

const { RunContext, tool } = require('@openai/agents-core');
const { Guard, memoryReceipts } = require('activity-guard');
const { guardTool } = require('activity-guard/openai');

let sent = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const parameters = {
  type: 'object',
  properties: { invoice: { type: 'string' } },
  required: ['invoice'],
  additionalProperties: false,
};
const fields = { name: 'send', description: 'Sends', parameters, execute: async () => `mail ${++sent}` };
const send = tool(guardTool({ guard, requestId: ({ invoice }) => `mail:${invoice}` }, fields));

async function main() {
  const call = () => send.invoke(new RunContext({}), JSON.stringify({ invoice: '7' }));
  assert.deepEqual([await call(), await call(), sent], ['mail 1', 'mail 1', 1]);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
