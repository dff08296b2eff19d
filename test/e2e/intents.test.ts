/** One intent, whoever calls and however often; and what looks like one. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { WorkflowHandle } from '@temporalio/client';

import { guarded, requestId } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import {
  chargeInvoice,
  mailInvoice,
  payByFingerprint,
  payWithNonce,
  type Order,
} from '../fixtures/intent-workflows';
import { logged, WorkerHere, type AnyStarter } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => (here = await WorkerHere.start(require.resolve('../fixtures/intent-workflows'))));
afterAll(() => here.stop());

const effects: { what: string; id: string }[] = [];
/** An effect that takes long enough for another caller to come. */
const slowly = async (what: string): Promise<string> => {
  await delay(500);
  effects.push({ what, id: requestId() });
  return randomUUID();
};
const idsOf = (what: string): string[] => effects.filter((e) => e.what === what).map((e) => e.id);
const activities = {
  charge: guarded(slowly),
  mail: guarded({ requestId: (invoice: string) => `mail:${invoice}` }, slowly),
  pay: guarded(async (order: Order) => slowly(order.id)),
};

const withWorker = <T>(work: (start: AnyStarter) => Promise<T>): Promise<T> =>
  here.starting({ activities, plugins: [new ActivityGuardPlugin({ receipts: here.receipts })] }, work);

async function resetToStart({ workflowId }: WorkflowHandle): Promise<WorkflowHandle> {
  const { client } = here.stack.env;
  const { runId } = await client.workflowService.resetWorkflowExecution({
    namespace: here.stack.temporalNamespace,
    workflowExecution: { workflowId },
    workflowTaskFinishEventId: 3 as never, // protobufjs takes a number for a Long
    requestId: randomUUID(),
  });
  return client.workflow.getHandle(workflowId, runId);
}

describe('an explicit id, called by several workflows at once', () => {
  // Mutation: an answer other than the winner's for those who come while it runs.
  it.each([
    ['of the workflow', chargeInvoice],
    ['of the activity', mailInvoice],
  ])('%s, is one effect: the losers wait for the winner and get its result', async (_whose, workflow) => {
    const invoice = randomUUID();
    const results = await withWorker(async (start) => {
      const handles = await Promise.all([0, 1, 2, 3].map(() => start(workflow, invoice)));
      return Promise.all(handles.map((handle) => handle.result()));
    });
    expect(new Set(results).size).toBe(1);
    expect(idsOf(invoice)).toHaveLength(1);
  });
});

describe('an argument that changes when the workflow is reset', () => {
  const warned = (): string[] => logged.filter((line) => line.includes('other arguments than before'));

  it('makes another intent, which is said', async () => {
    const order = randomUUID();
    await withWorker(async (start) => {
      const handle = await start(payWithNonce, order);
      await handle.result();
      expect(warned()).toEqual([]);
      await (await resetToStart(handle)).result();
      for (let tries = 0; tries < 100 && warned().length === 0; tries++) await delay(50);
    });
    expect(new Set(idsOf(order)).size).toBe(2);
    expect(warned()).toHaveLength(1);
  });

  it('does not matter where a fingerprint leaves it out', async () => {
    const order = randomUUID();
    const before = warned().length;
    const [first, again] = await withWorker(async (start) => {
      const handle = await start(payByFingerprint, order);
      return [await handle.result(), await (await resetToStart(handle)).result()];
    });
    expect(again).toBe(first);
    expect(idsOf(order)).toHaveLength(1);
    expect(warned()).toHaveLength(before);
  });
});
