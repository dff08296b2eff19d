import type { CrashPoint } from 'activity-guard/testing';

import { chargeLocally } from '../fixtures/workflows';
import { Harness } from '../support/worker-harness';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

describe('a worker killed with SIGKILL in a local activity', () => {
  // Mutation: without the guard (`guarded: false`) the kill after the effect charges twice.
  it.each<CrashPoint>(['after-claim', 'after-effect', 'after-receipt'])(
    '%s: the effect happens once and its result arrives',
    async (crashPoint) => {
      const name = `local-${crashPoint}`;
      const { client } = harness.stack.env;
      const first = await harness.startWorker(name, { crashPoint });
      const handle = await client.workflow.start(chargeLocally, {
        args: [name],
        taskQueue: name,
        workflowId: name,
        // A local activity is lost with its workflow task, which is given again after this time.
        workflowTaskTimeout: '2s',
        workflowExecutionTimeout: '40s',
      });
      expect(await first.ended).toBe('SIGKILL');
      const second = await harness.startWorker(name);
      const result = await handle.result();
      await second.kill();
      expect(
        harness.provider.booked.filter((b) => b.order === name).map(({ id, amount }) => ({ id, amount })),
      ).toEqual([result]);
    },
  );
});
