// A user's test under Vitest.
import { expect, test, vi } from 'vitest';

import { Guard, memoryReceipts, OutcomeUnknownError } from 'activity-guard';

test('a guarded call acts once, and errors are of their classes', async () => {
  const guard = new Guard({ receipts: memoryReceipts() });
  const run = vi.fn(async () => 'sent');
  const call = () => guard.execute({ requestId: 'mail:1', action: 'send', run });
  expect([(await call()).result, (await call()).result]).toEqual(['sent', 'sent']);
  expect(run).toHaveBeenCalledTimes(1);
  const lost = guard.execute({
    requestId: 'mail:2',
    action: 'send',
    run: () => Promise.reject(new Error('reset')),
  });
  await expect(lost).rejects.toThrow(OutcomeUnknownError);
});
