/** A worker of the matrix, for this process or one of its own. */
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';

import type { PostgresReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { guardedActivities, recipeActivities } from './activities';

/** Where a worker works, and for whom. */
export interface WorkerPlace {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly providerUrl: string;
}

/** @param receipts none for a worker without a guard */
export async function matrixWorker(
  place: WorkerPlace,
  workflowBundle: NonNullable<WorkerOptions['workflowBundle']>,
  receipts: PostgresReceipts | undefined,
): Promise<{ readonly worker: Worker; readonly connection: NativeConnection }> {
  // Workers on one task queue must not share a connection.
  const connection = await NativeConnection.connect({ address: place.address });
  const { namespace, taskQueue, providerUrl } = place;
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue,
    workflowBundle,
    // A workflow task for a worker that was killed goes to another one after this time.
    stickyQueueScheduleToStartTimeout: '1s',
    ...(receipts
      ? { activities: guardedActivities(providerUrl), plugins: [new ActivityGuardPlugin({ receipts })] }
      : { activities: recipeActivities(providerUrl) }),
  });
  return { worker, connection };
}
