/** The official MCP SDK: its CommonJS build, since Jest imports no modules. Its types are those of the other build. */
/* eslint-disable @typescript-eslint/no-require-imports -- see above */
import type * as ClientModule from '@modelcontextprotocol/sdk/client/index.js' with {
  'resolution-mode': 'import',
};
import type * as MemoryModule from '@modelcontextprotocol/sdk/inMemory.js' with {
  'resolution-mode': 'import',
};
import type * as StdioModule from '@modelcontextprotocol/sdk/client/stdio.js' with {
  'resolution-mode': 'import',
};
import type * as HttpClientModule from '@modelcontextprotocol/sdk/client/streamableHttp.js' with {
  'resolution-mode': 'import',
};
import type * as HttpServerModule from '@modelcontextprotocol/sdk/server/streamableHttp.js' with {
  'resolution-mode': 'import',
};
import type * as McpModule from '@modelcontextprotocol/sdk/server/mcp.js' with {
  'resolution-mode': 'import',
};
import type * as StdioServerModule from '@modelcontextprotocol/sdk/server/stdio.js' with {
  'resolution-mode': 'import',
};
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js' with {
  'resolution-mode': 'import',
};
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js' with { 'resolution-mode': 'import' };

export type { CallToolResult };
export type Client = ClientModule.Client;

const { Client } = require('@modelcontextprotocol/sdk/client/index.js') as typeof ClientModule;
const { InMemoryTransport } = require('@modelcontextprotocol/sdk/inMemory.js') as typeof MemoryModule;
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js') as typeof McpModule;

const { StdioClientTransport } = require('@modelcontextprotocol/sdk/client/stdio.js') as typeof StdioModule;
export const { StreamableHTTPClientTransport } =
  require('@modelcontextprotocol/sdk/client/streamableHttp.js') as typeof HttpClientModule;
export const { StreamableHTTPServerTransport } =
  require('@modelcontextprotocol/sdk/server/streamableHttp.js') as typeof HttpServerModule;
const { StdioServerTransport } =
  require('@modelcontextprotocol/sdk/server/stdio.js') as typeof StdioServerModule;

const implementation = { name: 'test', version: '1' };

export const newServer = (): McpModule.McpServer => new McpServer(implementation);

/** A client whose connection stands. */
export async function connected(transport: Transport): Promise<Client> {
  const client = new Client(implementation);
  await client.connect(transport);
  return client;
}

/** A client of a server in this process. */
export async function clientOf(server: { connect(transport: Transport): Promise<void> }): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  return connected(ours);
}

/** What a model reads of a result, and what programs find in it. */
export const textIn = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : part.type)).join('\n');

/** Calls a tool. */
export const calling = async (
  client: Client,
  name: string,
  args: Record<string, unknown>,
  _meta?: Record<string, unknown>,
  options: { readonly timeout?: number } = {},
): Promise<CallToolResult> => {
  const request = { name, arguments: args, ...(_meta ? { _meta } : {}) };
  return (await client.callTool(request, undefined, options)) as CallToolResult;
};

/** The standard streams of this process. */
export const stdioServer = (): Transport => new StdioServerTransport();

/** A client that starts a script as its server. What that writes to standard error is kept. */
export async function clientOfScript(
  script: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ client: Client; pid: number; errors: () => string }> {
  const transport = new StdioClientTransport({
    ...{ command: process.execPath, args: [script, ...args], stderr: 'pipe' },
    env: { PATH: process.env['PATH'] ?? '', DATABASE_URL: process.env['DATABASE_URL'] ?? '', ...env },
  });
  let errors = '';
  transport.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const client = await connected(transport);
  return { client, pid: transport.pid ?? 0, errors: () => errors };
}
