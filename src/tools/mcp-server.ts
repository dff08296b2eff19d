/** An MCP server whose tools claim and settle, for agents in any language that run their effects themselves. */
import type * as ServerModule from '@modelcontextprotocol/sdk/server/index.js' with {
  'resolution-mode': 'import',
};
import type * as TypesModule from '@modelcontextprotocol/sdk/types.js' with { 'resolution-mode': 'import' };

import {
  claimFor,
  renewFor,
  settleFor,
  statusOf,
  unknownReceipts,
  type ClaimTerms,
  type Renewing,
  type Settling,
} from '../claims';
import { ActivityGuardError, InvalidRequestError, type ReceiptStore, type Telemetry } from '../core';
import { optionalPackages } from '../optional-package';
import { toolDefinitions, type ToolName } from './mcp-definitions';
import { textOfClaim, textOfRenewed, textOfSettled, textOfStatus, textOfUnknown } from './mcp-texts';

type Result = TypesModule.CallToolResult;
type Arguments = Readonly<Record<string, unknown>>;
type Tool = (desk: Desk, args: Arguments, client: string) => Promise<Result>;

/** What the tools work with. */
interface Desk {
  readonly receipts: ReceiptStore;
  readonly telemetry: Telemetry | undefined;
}

/** The version of these tools, not of the package. */
const version = '1';

const instructions =
  'Keeps irreversible acts from happening twice. Before such an act call claim, with a request id that names the intent ' +
  '(the same for every retry of it), and act only if the answer is PROCEED; then call settle.';

/** What is done by whom; of what a client calls itself not more than that. */
const mostClientCharacters = 100;

/**
 * A server with the tools `claim`, `settle`, `renew`, `status` and `list_unknown` over the receipts; `activity-guard mcp` serves it
 * on stdio. Connect it to any transport of the SDK, one server for each.
 * Who can reach it can claim and settle in the namespace of the receipts, with the tokens it was given.
 * The option `telemetry` takes traces and metrics of the claims, such as `telemetry()` of `activity-guard/otel`.
 */
export function claimServer(
  receipts: ReceiptStore,
  { telemetry }: { readonly telemetry?: Telemetry | undefined } = {},
): ServerModule.Server {
  telemetry?.watch(receipts);
  const { Server, CallToolRequestSchema, ListToolsRequestSchema } = sdk();
  // Not McpServer: what is wrong with the arguments is said by the claims themselves, as over HTTP.
  const server = new Server(
    { name: 'activity-guard', version },
    { capabilities: { tools: {} }, instructions },
  );
  const clientName = (): string => {
    const { name = '', version: its = '' } = server.getClientVersion() ?? {};
    return `${name} ${its}`.trim().slice(0, mostClientCharacters);
  };
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(toolDefinitions).map(([name, definition]) => ({ name, ...definition })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const { name, arguments: args = {} } = params;
    try {
      return await toolOf(name, args)({ receipts, telemetry }, args, clientName());
    } catch (error) {
      return refusal(error);
    }
  });
  return server;
}

const tools: Readonly<Record<ToolName, Tool>> = {
  claim: async ({ receipts, telemetry }, args, client) => {
    const origin = { via: 'mcp', ...(client === '' ? {} : { client }) };
    const reply = await claimFor(receipts, { ...(args as unknown as ClaimTerms), origin }, telemetry);
    const mayGoOn = reply.status === 'PROCEED' || (reply.status === 'SKIP' && reply.state === 'committed');
    return answer(textOfClaim(reply), { ...reply }, !mayGoOn);
  },
  settle: async ({ receipts, telemetry }, args) => {
    const reply = await settleFor(receipts, args as unknown as Settling, telemetry);
    return answer(textOfSettled(reply), { ...reply }, reply.status !== 'SETTLED');
  },
  renew: async ({ receipts, telemetry }, args) => {
    const reply = await renewFor(receipts, args as unknown as Renewing, telemetry);
    return answer(textOfRenewed(reply), { ...reply }, reply.status !== 'RENEWED');
  },
  status: async ({ receipts }, { requestId }) => {
    const found = await statusOf(receipts, requestId as string);
    return found
      ? answer(textOfStatus(found), { ...found })
      : answer(`Nothing was ever claimed under this request id.`, { requestId, state: 'none' });
  },
  list_unknown: async ({ receipts }, args) => {
    const found = await unknownReceipts(receipts, args);
    return answer(textOfUnknown(found), { receipts: found });
  },
};

function toolOf(name: string, args: Arguments): Tool {
  const known = Object.hasOwn(tools, name) ? (name as ToolName) : undefined;
  if (known === undefined)
    throw new InvalidRequestError(`There is no tool with this name, only ${Object.keys(tools).join(', ')}.`);
  // A misspelt one would be left out without a word.
  const names = Object.keys(toolDefinitions[known].inputSchema.properties);
  if (!Object.keys(args).every((key) => names.includes(key)))
    throw new InvalidRequestError(`${known} takes only ${names.join(', ')}. Nothing was done.`);
  return tools[known];
}

const answer = (text: string, structuredContent: Record<string, unknown>, isError = false): Result => ({
  content: [{ type: 'text', text }],
  structuredContent,
  ...(isError ? { isError } : {}),
});

/** Nothing was claimed; a settlement perhaps was written, and can be said again. */
function refusal(error: unknown): Result {
  if (!(error instanceof ActivityGuardError)) throw error;
  const { code, requestId, message } = error;
  const isAway = code === 'ReceiptStoreUnavailable';
  const advice =
    ' Do not act on it now. What was to be settled is settled by calling settle again with the same token.';
  const status = isAway ? 'UNAVAILABLE' : 'INVALID';
  const text = `${status}: ${message}${isAway ? advice : ''}`;
  return answer(text, { status, code, ...(requestId === undefined ? {} : { requestId }) }, true);
}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed: who only guards tools has it already */
const sdk = () =>
  optionalPackages(['@modelcontextprotocol/sdk'], 'for an MCP server', () => ({
    ...(require('@modelcontextprotocol/sdk/server/index.js') as typeof ServerModule),
    ...(require('@modelcontextprotocol/sdk/types.js') as typeof TypesModule),
  }));
/* eslint-enable @typescript-eslint/no-require-imports */
