/** `mcp`: the tools that claim and settle, for an agent that starts this program as its server. */
import { claimServer } from '../tools/mcp-server';
import { serveStdio } from '../tools/mcp-stdio';
import { command } from './definition';
import { metricsOption, withMetrics } from './metrics';
import { UsageError } from './usage-error';

const isNamed = (url: string | undefined): boolean =>
  Boolean(url ?? process.env['DATABASE_URL']) ||
  Object.entries(process.env).some(([name, value]) => name.startsWith('PG') && value);

export const mcp = command({
  name: 'mcp',
  summary: 'serve the tools claim, settle, renew, status and list_unknown to an agent, by MCP on stdio',
  more: 'Ends when the client is gone. What is printed is the protocol, with --json and without.',
  options: metricsOption,
  examples: ['mcp --database-url postgres://db/receipts --namespace agents'],
  check: (_given, _argument, { 'database-url': url }) => {
    // Agents start servers with few variables.
    if (!isNamed(url))
      throw new UsageError(
        'mcp keeps its receipts in Postgres, and none is named: give --database-url, DATABASE_URL or PG* variables',
      );
  },
  run: async ({ receipts }, { metrics }) => {
    await receipts.check();
    await withMetrics(metrics, (telemetry) => serveStdio(claimServer(receipts, { telemetry })));
    return true;
  },
});
