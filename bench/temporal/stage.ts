/** A Temporal server, and workers to start on it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Client, WorkflowHandle } from '@temporalio/client';

import { pgReceipts } from 'activity-guard/pg';
import { startTestStack } from 'activity-guard/testing';
import { startReaper } from '../../src/testing/reaper';
import { Child } from '../child';
import { newId } from '../contenders';
import type { Bench } from '../workload';
import { bundleOf, kinds, makeBundles, quietRuntime, type Kind, type WorkerKind } from './bundles';
import type { WorkerConfig } from './worker-process';

/** Where the workloads of Temporal play. */
export interface Stage {
  readonly client: Client;
  /** A process with a worker that polls the queue of its kind. */
  startWorker(kind: WorkerKind): Promise<Child>;
  /** Starts a workflow on the worker of a kind. */
  start(kind: WorkerKind, workflow: string, ...args: unknown[]): Promise<WorkflowHandle>;
}

/** Starts everything, and stops it whatever `work` does. */
export async function onStage<T>(bench: Bench, work: (stage: Stage) => Promise<T>): Promise<T> {
  quietRuntime();
  const reaper = startReaper();
  try {
    const folder = reaper.makeFolder('activity-guard-bench-');
    const pathOf = (kind: Kind): string => join(folder, `${kind}.js`);
    const bundles = await makeBundles();
    for (const kind of kinds) writeFileSync(pathOf(kind), bundles[kind].code);
    const receipts = pgReceipts({ connectionString: bench.databaseUrl, max: 1 });
    await receipts.migrate().finally(() => receipts.close());
    const stack = await startTestStack({ postgres: false });
    try {
      const { client } = stack.env;
      const startWorker = (kind: WorkerKind): Promise<Child> =>
        Child.start(reaper, require.resolve('./worker-process'), {
          ...{ address: stack.temporalAddress, namespace: stack.temporalNamespace, taskQueue: queueOf(kind) },
          ...{ databaseUrl: bench.databaseUrl, bundlePath: pathOf(bundleOf(kind)), kind },
        } satisfies WorkerConfig);
      const start: Stage['start'] = (kind, workflow, ...args) =>
        client.workflow.start(workflow, { args, taskQueue: queueOf(kind), workflowId: newId() });
      return await work({ client, startWorker, start });
    } finally {
      await stack.stop();
    }
  } finally {
    await reaper.finish();
  }
}

const queueOf = (kind: WorkerKind): string => `bench-${kind}`;
