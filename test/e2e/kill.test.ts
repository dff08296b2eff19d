import type { WorkflowHandle } from '@temporalio/client';

import type { CrashPoint } from 'activity-guard/testing';

import type { Charge } from '../fixtures/activities';
import { chargeHeldOnce, chargeOnce, payInvoice } from '../fixtures/workflows';
import { Harness } from '../support/worker-harness';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
});
afterAll(() => harness.stop());

/** Runs one workflow whose first worker dies at `crashPoint`; a second worker then finishes it. */
async function surviveKill(name: string, crashPoint: CrashPoint, guarded = true): Promise<Charge> {
  const { client } = harness.stack.env;
  const first = await harness.startWorker(name, { crashPoint, guarded });
  const handle = await client.workflow.start(chargeOnce, { args: [name], taskQueue: name, workflowId: name });
  expect(await first.ended).toBe('SIGKILL');
  const second = await harness.startWorker(name, { guarded });
  const result = await handle.result();
  await second.kill();
  return result;
}

describe('a worker killed with SIGKILL', () => {
  it.each<CrashPoint>(['before-claim', 'after-claim', 'after-effect', 'after-receipt'])(
    '%s: the effect happens once and its result arrives',
    async (point) => {
      const name = `killed-${point}`;
      const result = await surviveKill(name, point);
      expect(
        harness.provider.booked.filter((b) => b.order === name).map(({ id, amount }) => ({ id, amount })),
      ).toEqual([result]);
    },
  );

  it('after the effect charges twice without the guard (so the tests above can fail)', async () => {
    await surviveKill('unguarded', 'after-effect', false);
    expect(harness.provider.count('unguarded')).toBe(2);
  });

  it('after the effect, without a probe: nothing runs until a person resolves it, then the workflow goes on', async () => {
    const name = 'held';
    const { client } = harness.stack.env;
    const first = await harness.startWorker(name, { crashPoint: 'after-effect' });
    const handle = await client.workflow.start(chargeHeldOnce, {
      args: [name],
      taskQueue: name,
      workflowId: name,
    });
    await first.ended;
    const second = await harness.startWorker(name);
    const pending = await eventually(() => heldActivity(handle));
    expect(harness.provider.count(name)).toBe(1);

    const [receipt] = await harness.receipts.list({ unresolved: true });
    expect(receipt).toMatchObject({ action: 'chargeHeld', epoch: 1 });
    // What Temporal's page shows of the pending activity.
    expect(pending.lastFailure?.message).toContain(`activity-guard show '${receipt?.requestId}'`);
    const outcome = {
      format: 'json',
      bytes: new TextEncoder().encode('{"id":"seen by a person","amount":100}'),
    };
    await harness.receipts.resolve({
      key: receipt?.key ?? '',
      epoch: 1,
      verdict: 'committed',
      source: 'operator',
      outcome,
    });
    expect(await handle.result()).toEqual({ id: 'seen by a person', amount: 100 });
    expect(harness.provider.count(name)).toBe(1);
    await second.kill();
  });
});

describe('a worker that is frozen after the effect, for longer than its lease', () => {
  it('leaves the outcome unknown, and settles it itself when it goes on', async () => {
    const name = 'frozen';
    const { client } = harness.stack.env;
    const first = await harness.startWorker(name, { crashPoint: 'after-effect', freezes: true });
    const workflows = await harness.startWorker(name, { workflowsOnly: true });
    const handle = await client.workflow.start(chargeHeldOnce, {
      args: [name],
      taskQueue: name,
      workflowId: name,
    });
    await eventually(async () => harness.provider.count(name) || undefined);
    const second = await harness.startWorker(name);
    await eventually(() => heldActivity(handle));
    first.process.kill('SIGCONT');
    const [effect] = harness.provider.booked.filter((b) => b.order === name);
    expect(await handle.result()).toEqual({ id: effect?.id, amount: effect?.amount });
    expect(harness.provider.count(name)).toBe(1);
    expect((await harness.receipts.list()).find((r) => r.requestId === effect?.reference)).toMatchObject({
      state: 'committed',
      epoch: 1,
    });
    await Promise.all([first.kill(), second.kill(), workflows.kill()]);
  });
});

describe('two worker processes', () => {
  it('race for one explicit id: one effect, and both workflows get its result', async () => {
    const { client } = harness.stack.env;
    const queues = ['racer-1', 'racer-2'];
    await Promise.all(queues.map((queue) => harness.startWorker(queue)));
    const results = await Promise.all(
      queues.map((taskQueue) =>
        client.workflow.execute(payInvoice, { args: ['raced'], taskQueue, workflowId: taskQueue }),
      ),
    );
    expect(results[0]).toEqual(results[1]);
    expect(harness.provider.count('raced')).toBe(1);
  });
});

/** The activity that Temporal keeps pending because its outcome is unknown. */
const heldActivity = async (handle: WorkflowHandle) =>
  (await handle.describe()).raw.pendingActivities?.find(
    (activity) => activity.lastFailure?.applicationFailureInfo?.type === 'OutcomeUnknown',
  );

/** Asks until there is an answer; bounded by the test's own time. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
