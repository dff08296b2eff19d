/** The workflow of the quick start. */
// #region workflow
import { proxyActivities } from '@temporalio/workflow';
import type * as activities from './activities';

const { chargeCard } = proxyActivities<typeof activities>({ startToCloseTimeout: '1m' });

export async function checkout(order: activities.Order): Promise<string> {
  const charge = await chargeCard(order);
  return charge.id;
}
// #endregion
