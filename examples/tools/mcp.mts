/**
 * An MCP server that is killed between a charge and its receipt. The client starts it anew and calls again:
 * `node dist/examples/tools/mcp.mjs`.
 */
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

import { committed, Guard, notCommitted } from 'activity-guard';
import { guardTool } from 'activity-guard/mcp';
import { pgReceipts } from 'activity-guard/pg';
import { run, withDatabase } from './database.js';

/** The provider's own list: a file with a line for each charge, named by the request id. */
const chargesIn = async (ledger: string): Promise<string[]> =>
  (await readFile(ledger, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

const charged = (requestId: string) => ({
  content: [{ type: 'text' as const, text: `charged for ${requestId}` }],
});

/** The server: one tool, guarded. With `dies` it is killed after it has charged. */
async function server(schema: string, ledger: string, dies: boolean): Promise<void> {
  const receipts = pgReceipts({ connectionString: process.env['DATABASE_URL'] }, { schema });
  const guard = new Guard({ receipts, leaseFor: '1s' });
  const mcp = new McpServer({ name: 'payments', version: '1' });
  mcp.registerTool(
    'charge',
    { inputSchema: { order: z.string(), cents: z.number() } },
    guardTool(
      {
        ...{ guard, action: 'charge', requestId: ({ order }) => `order:${order}` },
        // Asked once the lease of a call without a receipt is over.
        onUnknown: async ({ requestId }) =>
          (await chargesIn(ledger)).includes(requestId) ? committed(charged(requestId)) : notCommitted(),
      },
      async (_order, { requestId }) => {
        await appendFile(ledger, `${requestId}\n`);
        if (dies) process.kill(process.pid, 'SIGKILL');
        return charged(requestId);
      },
    ),
  );
  process.stdin.once('end', () => process.exit());
  await mcp.connect(new StdioServerTransport());
}

/** Calls the tool of a server that is started for it. */
async function call(url: string, args: readonly string[], order: string): Promise<string> {
  const client = new Client({ name: 'agent', version: '1' });
  const script = fileURLToPath(import.meta.url);
  const command = { command: process.execPath, args: [script, ...args] };
  await client.connect(new StdioClientTransport({ ...command, env: { DATABASE_URL: url } }));
  try {
    const { content } = await client.callTool({ name: 'charge', arguments: { order, cents: 500 } });
    return z.array(z.object({ text: z.string() })).parse(content)[0]?.text ?? '';
  } catch (error) {
    return String(error);
  } finally {
    await client.close();
  }
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'activity-guard-example-'));
  const ledger = join(folder, 'ledger');
  const orders = ['42'];
  try {
    await withDatabase(async ({ url, schema }) => {
      for (const order of orders) {
        console.log(`first call: ${await call(url, [schema, ledger, 'dies'], order)}`);
        console.log(`retry: ${await call(url, [schema, ledger], order)}`);
      }
      console.log(`effects: ${(await chargesIn(ledger)).length}, intents: ${orders.length}`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [schema, ledger, dies] = process.argv.slice(2);
run(schema && ledger ? () => server(schema, ledger, dies === 'dies') : main);
