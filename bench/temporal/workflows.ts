/** Workflows that do nothing but call. */
import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';

interface Activities {
  noop(n: number): Promise<number>;
}

const startToCloseTimeout = '30s';
const remote = proxyActivities<Activities>({ startToCloseTimeout });
const local = proxyLocalActivities<Activities>({ startToCloseTimeout });
/** Nobody works on this queue. */
const nowhere = proxyActivities<Activities>({ startToCloseTimeout, taskQueue: 'bench-nowhere' });

/** One call after the other. */
export async function callRemote(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await remote.noop(n);
}

/** The same, by the workflow's own worker. */
export async function callLocal(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await local.noop(n);
}

/** Rounds of calls side by side. */
export async function callWidely(count: number, width: number): Promise<void> {
  for (let n = 0; n < count; n += width) {
    await Promise.all(Array.from({ length: width }, (_, i) => remote.noop(n + i)));
  }
}

/** Calls that are scheduled in one workflow task, and never carried out. */
export async function callNowhere(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => nowhere.noop(n)));
}
