/** `mcp`: the tools that claim and settle, for an agent that starts this program as its server. */
import { claimServer } from '../tools/mcp-server';
import { serveStdio } from '../tools/mcp-stdio';
import type { PostgresReceipts } from '../stores/pg';
import type { Invocation } from './options';
import { UsageError } from './usage-error';

const isNamed = (url: string | undefined): boolean =>
  Boolean(url ?? process.env['DATABASE_URL']) ||
  Object.entries(process.env).some(([name, value]) => name.startsWith('PG') && value);

/**
 * Serves until the client is gone.
 * @throws UsageError where no database is named: agents start servers with few variables
 * @throws ReceiptStoreUnavailableError where it cannot be used
 */
export async function mcp(receipts: PostgresReceipts, { values }: Invocation): Promise<true> {
  if (!isNamed(values['database-url']))
    throw new UsageError(
      'mcp keeps its receipts in Postgres, and none is named: give --database-url, DATABASE_URL or PG* variables',
    );
  await receipts.check();
  await serveStdio(claimServer(receipts));
  return true;
}
