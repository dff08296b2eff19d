/** The payment of `activity-guard demo`, and its provider: a file with a line for each charge. */
import { appendFile, readFile } from 'node:fs/promises';

import { committed, Guard, notCommitted, type ExecutionReceipt } from '../index';
import type { PostgresReceipts } from '../stores/pg';

export const requestId = 'invoice:42';

/** What the provider does. It does not deduplicate. */
export const charge = async (ledger: string): Promise<string> => {
  await appendFile(ledger, `${requestId}\n`);
  return 'ch_1';
};

/** What the provider knows. */
export const charges = async (ledger: string): Promise<number> =>
  (await readFile(ledger, 'utf8').catch(() => '')).split('\n').filter((line) => line === requestId).length;

/** Charges once. */
export const guardedCharge = (
  receipts: PostgresReceipts,
  ledger: string,
  { asks, run = () => charge(ledger) }: { readonly asks: boolean; readonly run?: () => Promise<string> },
): Promise<ExecutionReceipt<string>> =>
  new Guard({ receipts, leaseFor: '1s', graceFor: 0 }).execute({
    ...{ requestId, action: 'charge', payload: { cents: 500 }, run },
    onUnknown: asks ? async () => ((await charges(ledger)) > 0 ? committed('ch_1') : notCommitted()) : 'hold',
  });
