/** A step that is called when its activity has ended: nobody would see what became of it. */
import { MockActivityEnvironment } from '@temporalio/testing';

import { effect } from '../../src/temporal/activity';
import { activityGuardInterceptors } from '../../src/temporal/worker';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { systemClock } from '../../src/system-clock';

it('is refused', async () => {
  const receipts = new MemoryReceipts(new MemoryDatabase(systemClock));
  let sent = 0;
  let late: Promise<unknown> = Promise.resolve();
  const checkOut = async (): Promise<string> => {
    late = new Promise((resolve) => setTimeout(resolve, 100)).then(async () => effect('mail', () => ++sent));
    late.catch(() => undefined);
    return 'done';
  };
  const { activity } = activityGuardInterceptors({ receipts, activities: { checkOut } });
  const env = new MockActivityEnvironment({ activityType: 'checkOut' }, { interceptors: activity });
  expect(await env.run(checkOut)).toBe('done');
  await late.catch(() => undefined);
  expect(sent).toBe(0);
});
