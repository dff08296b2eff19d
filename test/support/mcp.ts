/** The official MCP SDK: its CommonJS build, since Jest imports no modules. Its types are those of the other build. */
/* eslint-disable @typescript-eslint/no-require-imports -- see above */
import type * as ClientModule from '@modelcontextprotocol/sdk/client/index.js' with {
  'resolution-mode': 'import',
};
import type * as MemoryModule from '@modelcontextprotocol/sdk/inMemory.js' with {
  'resolution-mode': 'import',
};
import type * as McpModule from '@modelcontextprotocol/sdk/server/mcp.js' with {
  'resolution-mode': 'import',
};
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js' with {
  'resolution-mode': 'import',
};
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js' with { 'resolution-mode': 'import' };

export type { CallToolResult };

const { Client } = require('@modelcontextprotocol/sdk/client/index.js') as typeof ClientModule;
const { InMemoryTransport } = require('@modelcontextprotocol/sdk/inMemory.js') as typeof MemoryModule;
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js') as typeof McpModule;

const implementation = { name: 'test', version: '1' };

export const newServer = (): McpModule.McpServer => new McpServer(implementation);

/** A client whose connection stands. */
export async function connected(transport: Transport): Promise<ClientModule.Client> {
  const client = new Client(implementation);
  await client.connect(transport);
  return client;
}

/** A client of a server in this process. */
export async function clientOf(server: {
  connect(transport: Transport): Promise<void>;
}): Promise<ClientModule.Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  return connected(ours);
}
