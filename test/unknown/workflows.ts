/** The workflow of the campaign. */
import { proxyActivities } from '@temporalio/workflow';

import { withRequestId } from 'activity-guard/workflow';
import type { Charges } from './activities';
import type { Charge, Terms } from './terms';

/** What a workflow calls, and where. */
export interface Call {
  readonly intent: string;
  readonly terms: Terms;
  /** The queue of the worker that will be killed. */
  readonly taskQueue: string;
  /** The queue of the second call. */
  readonly thenOn: string;
  readonly startToCloseMs: number;
}

/** One intent, called twice: whatever the first call gets, the second one gets from the receipt. */
export async function pay({ intent, terms, taskQueue, thenOn, startToCloseMs }: Call): Promise<Charge[]> {
  const callOn = (queue: string): Promise<Charge> => {
    const activities = proxyActivities<Charges>({
      taskQueue: queue,
      startToCloseTimeout: startToCloseMs,
      retry: { initialInterval: '200ms', backoffCoefficient: 1 },
    });
    return withRequestId(intent, () => activities[terms](intent));
  };
  return [await callOn(taskQueue), await callOn(thenOn)];
}
