/** A worker of activities as a process of its own, that is killed. Configured by one JSON argument. */
import { NativeConnection, Worker } from '@temporalio/worker';

import type { ReceiptStore } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { quietRuntime } from '../../../test/support/quiet';
import { unsettled } from '../../../test/support/unsettled';
import { ProviderClient } from '../provider-client';
import { guardedActivities, rawActivities } from './activities';

export interface WorkerConfig {
  readonly address: string;
  readonly namespace: string;
  readonly queue: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly requestMs: number;
  readonly isGuarded: boolean;
  /** None of its settlements gets through: the database refuses them, as without the privilege. */
  readonly losesSettlements: boolean;
}

/** Ends the process when its parent is gone: a run that is killed must leave nothing behind. */
process.on('disconnect', () => process.exit(1));

/** Tells the provider of the points that only the receipts know, and stops there where that is planned. */
function stoppingAt(receipts: ReceiptStore, provider: ProviderClient): ReceiptStore {
  const intents = new Map<string, string>();
  return new Proxy(receipts, {
    get: (target, name) => {
      if (name === 'claim')
        return async (request: Parameters<ReceiptStore['claim']>[0]) => {
          const intent = String((request.origin as { workflowId?: string }).workflowId);
          intents.set(request.key, intent);
          await provider.at('before-claim', intent);
          const receipt = await target.claim(request);
          if (receipt.token === request.token) await provider.at('after-claim', intent);
          return receipt;
        };
      if (name === 'settle')
        return async (settlement: Parameters<ReceiptStore['settle']>[0]) => {
          const state = await target.settle(settlement);
          await provider.at('settled', intents.get(settlement.key) ?? '');
          return state;
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

async function main(config: WorkerConfig): Promise<void> {
  quietRuntime();
  const connection = await NativeConnection.connect({ address: config.address });
  const provider = new ProviderClient(config.providerUrl, config.requestMs);
  // A transaction that is stopped keeps its connection.
  const stored = pgReceipts({ connectionString: config.databaseUrl, max: 12 });
  const receipts = stoppingAt(config.losesSettlements ? unsettled(stored) : stored, provider);
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue: config.queue,
    ...(config.isGuarded
      ? { activities: guardedActivities(provider, stored), plugins: [new ActivityGuardPlugin({ receipts })] }
      : { activities: rawActivities(provider) }),
  });
  process.send?.('ready');
  await worker.run();
}

void main(JSON.parse(process.argv[2] ?? '') as WorkerConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
