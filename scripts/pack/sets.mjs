// The projects that users have: which optional peers each has installed, and what runs in it.
import { peer } from './kit.mjs';

const node = (file, ...args) => ({
  check: [file.split('/').at(-1), ...args.slice(0, 1)].join(' '),
  args: [file, ...args],
});
export const temporal = ['activity', 'client', 'common', 'plugin', 'proto', 'worker', 'workflow'].map(
  (n) => `@temporalio/${n}`,
);

/**
 * `peers` are installed in our range, `more` are what a user has beside them. A check with `server` needs that one; `driver`
 * adds a database of its own.
 */
export const sets = [
  {
    name: 'no peers',
    peers: [],
    checks: [
      node('memory.mjs'),
      node('memory.cjs'),
      node('node_modules/activity-guard/dist/src/cli/main.js', '--version'),
    ],
  },
  { name: 'pg', peers: ['pg'], checks: [{ ...node('store.cjs', 'pg', 'pack_pg'), server: 'postgres' }] },
  {
    name: 'postgres',
    peers: ['postgres'],
    checks: [{ ...node('store.cjs', 'postgres', 'pack_postgres'), server: 'postgres' }],
  },
  { name: 'Temporal', peers: temporal, checks: [{ ...node('temporal.cjs'), server: 'temporal' }] },
  { name: 'OpenAI Agents SDK', peers: ['@openai/agents-core'], checks: [node('openai.cjs')] },
  { name: 'LangChain.js', peers: ['@langchain/core'], checks: [node('langchain.cjs')] },
  { name: 'AI SDK', peers: ['ai'], checks: [node('ai.cjs')] },
  { name: 'MCP SDK', peers: ['@modelcontextprotocol/sdk'], checks: [node('mcp.cjs')] },
  { name: 'Hono', peers: ['hono', '@hono/node-server'], checks: [node('http.mjs')] },
  { name: 'OpenTelemetry', peers: ['@opentelemetry/api'], checks: [node('otel.cjs')] },
];

export const peersOf = (set, which) => set.peers.map((name) => peer(name, which));

/** `activity-guard` and the peers, also those that a peer has brought along, and which may then be loaded. */
export const entriesCheck = (installed) => ({
  check: 'every entry loads, or names what it lacks',
  args: ['entries.cjs', ...installed],
});
