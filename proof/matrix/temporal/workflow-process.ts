/** The worker of all workflows, a process of its own: what is killed are workers of activities, or everything. */
import { NativeConnection, Worker } from '@temporalio/worker';

import { quietRuntime } from '../../../test/support/quiet';

export interface WorkflowConfig {
  readonly address: string;
  readonly namespace: string;
  /** The bundle of each queue. */
  readonly bundles: Readonly<Record<string, string>>;
}

process.on('disconnect', () => process.exit(1));

async function main({ address, namespace, bundles }: WorkflowConfig): Promise<void> {
  quietRuntime();
  const workers = await Promise.all(
    Object.entries(bundles).map(async ([taskQueue, codePath]) =>
      Worker.create({
        connection: await NativeConnection.connect({ address }),
        ...{ namespace, taskQueue, workflowBundle: { codePath } },
        stickyQueueScheduleToStartTimeout: '1s',
      }),
    ),
  );
  process.send?.('ready');
  await Promise.all(workers.map((worker) => worker.run()));
}

void main(JSON.parse(process.argv[2] ?? '') as WorkflowConfig).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
