/**
 * A process that dies between the charge and its receipt: `node dist/examples/tools/postgres.js`. Its retry neither charges
 * again nor guesses; with a probe that asks the provider it gets the result.
 */
import { spawn } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { committed, Guard, notCommitted, OutcomeUnknownError } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { run, withDatabase } from './database';

const request = { requestId: 'order:42', action: 'charge', payload: { cents: 500 } };

/** The provider: a file with a line for each charge, named by the request id. */
const provider = (ledger: string) => ({
  charge: async (requestId: string) => appendFile(ledger, `${requestId}\n`),
  find: async (requestId: string) => (await lines(ledger)).filter((line) => line === requestId).length,
});

/** Asks the provider whether it has the charge. All callers have the same: the strictest of their policies counts. */
const askProvider =
  (ledger: string) =>
  async ({ requestId }: { requestId: string }) =>
    (await provider(ledger).find(requestId)) > 0 ? committed(undefined) : notCommitted();

const lines = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

/** The process that dies. */
async function charge(url: string, schema: string, ledger: string): Promise<void> {
  const guard = new Guard({ receipts: pgReceipts({ connectionString: url }, { schema }), leaseFor: '1s' });
  await guard.execute({
    ...request,
    onUnknown: askProvider(ledger),
    run: async (_payload, claim) => {
      await provider(ledger).charge(claim.requestId);
      process.kill(process.pid, 'SIGKILL');
    },
  });
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'activity-guard-example-'));
  const ledger = join(folder, 'ledger');
  try {
    await withDatabase(async ({ url, schema, receipts }) => {
      const dying = spawn(process.execPath, [__filename, url, schema, ledger], { stdio: 'inherit' });
      await new Promise((resolve) => dying.once('exit', resolve));
      console.log(
        `first call: charged, and killed before its receipt (${(await lines(ledger)).length} charge)`,
      );

      const guard = new Guard({ receipts, leaseFor: '1s', graceFor: 0 });
      const again = () => provider(ledger).charge(request.requestId);
      const error: unknown = await guard
        .execute({ ...request, run: again })
        .catch((thrown: unknown) => thrown);
      console.log(
        `retry: ${error instanceof OutcomeUnknownError ? 'unknown, so nothing was run' : String(error)}`,
      );

      const found = await guard.execute({ ...request, run: again, onUnknown: askProvider(ledger) });
      console.log(`retry, asking the provider: ${found.reason}`);
      const intents = new Set([request.requestId, found.requestId]);
      console.log(`effects: ${(await lines(ledger)).length}, intents: ${intents.size}`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const [url, schema, ledger] = process.argv.slice(2);
run(url && schema && ledger ? () => charge(url, schema, ledger) : main);
