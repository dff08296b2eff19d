/** A worker of activities as a process of its own, that is killed. Configured by one JSON argument. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

import type { ReceiptStore } from 'activity-guard';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { charges } from './activities';

/** What the process is told. */
export interface VictimConfig {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly leaseMs: number;
  /** None of its settlements gets through: the database refuses them, as without the privilege. */
  readonly losesSettlements: boolean;
}

/** Ends the process when its parent is gone: a killed test run must leave nothing behind. */
process.on('disconnect', () => process.exit(1));

const withoutSettle = (receipts: ReceiptStore): ReceiptStore =>
  new Proxy(receipts, {
    get: (target, name) => {
      if (name === 'settle')
        return () => Promise.reject(Object.assign(new Error('no privilege'), { transient: false }));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

async function main(config: VictimConfig): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: config.address });
  const stored = pgReceipts({ connectionString: config.databaseUrl, max: 3 });
  const receipts = config.losesSettlements ? withoutSettle(stored) : stored;
  const worker = await Worker.create({
    connection,
    namespace: config.namespace,
    taskQueue: config.taskQueue,
    activities: { ...charges(config.providerUrl, config.leaseMs) },
    // It does not reconcile: one that dies over rows that it took keeps the others from them for minutes.
    plugins: [new ActivityGuardPlugin({ receipts })],
  });
  process.send?.('ready');
  await worker.run();
}

void main(JSON.parse(process.argv[2] ?? '') as VictimConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
