// A guarded tool of an MCP server, called twice by a client for one intent.
const assert = require('node:assert/strict');

const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { InMemoryTransport } = require('@modelcontextprotocol/sdk/inMemory.js');
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { z } = require('zod');
const { Guard, memoryReceipts } = require('activity-guard');
const { guardTool } = require('activity-guard/mcp');

let sent = 0;
const guard = new Guard({ receipts: memoryReceipts() });
const server = new McpServer({ name: 'mailer', version: '1.0.0' });
server.registerTool(
  'send',
  { description: 'Sends', inputSchema: { invoice: z.string() } },
  guardTool({ guard, action: 'send', requestId: ({ invoice }) => `mail:${invoice}` }, async () => ({
    content: [{ type: 'text', text: `mail ${++sent}` }],
  })),
);

async function main() {
  const [here, there] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await Promise.all([server.connect(there), client.connect(here)]);
  const call = async () =>
    (await client.callTool({ name: 'send', arguments: { invoice: '7' } })).content[0].text;
  assert.deepEqual([await call(), await call(), sent], ['mail 1', 'mail 1', 1]);
  await client.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
