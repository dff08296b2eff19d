/** The workflow of the proof: one charge, and a step after it. */
import { proxyActivities } from '@temporalio/workflow';

import { withRequestId } from 'activity-guard/workflow';
import type { Charge } from '../terms';
import type { Activities, Terms } from './activities';

export interface Payment {
  readonly intent: string;
  readonly terms: Terms;
  /** The queue of the worker that is killed, and of the one that comes after it. */
  readonly queue: string;
  readonly startToCloseMs: number;
  /** Several workflows mean the same: the id that says so. */
  readonly sharedId?: string;
}

export async function pay({ intent, terms, queue, startToCloseMs, sharedId }: Payment): Promise<Charge> {
  const activities = proxyActivities<Activities>({
    taskQueue: queue,
    startToCloseTimeout: startToCloseMs,
    retry: { initialInterval: '200ms', backoffCoefficient: 1 },
  });
  const charge = (): Promise<Charge> => activities[terms](intent);
  const charged = await (sharedId === undefined ? charge() : withRequestId(sharedId, charge));
  await activities.confirm(intent);
  return charged;
}
