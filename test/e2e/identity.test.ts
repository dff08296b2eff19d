import type { Workflow, WorkflowHandle } from '@temporalio/client';

import {
  badArguments,
  carriesOpenCall,
  chargeOnce,
  chargeOrTimeOut,
  chargePerRun,
  declinedTwice,
  failsAfterCharge,
  manyCalls,
  payInvoice,
  retriesItself,
  reuseOneId,
} from '../fixtures/workflows';
import { record } from '../support/histories';
import { Harness } from '../support/worker-harness';

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.start();
  await harness.startWorker('identity');
});
afterAll(() => harness.stop());

async function run<W extends Workflow>(
  workflow: W,
  workflowId: string,
  ...args: Parameters<W>
): Promise<Awaited<ReturnType<W>>> {
  const handle = await start(workflow, workflowId, ...args);
  const result = await handle.result();
  await record(workflow.name, handle);
  return result as Awaited<ReturnType<W>>;
}

const start = <W extends Workflow>(
  workflow: W,
  workflowId: string,
  ...args: Parameters<W>
): Promise<WorkflowHandle<W>> =>
  harness.stack.env.client.workflow.start<W>(workflow, {
    args,
    taskQueue: 'identity',
    workflowId,
  } as never) as Promise<WorkflowHandle<W>>;

const references = (order: string): string[] =>
  harness.provider.booked.filter((b) => b.order.startsWith(order)).map((b) => b.reference);

describe('the identity of a call', () => {
  it('equal calls side by side are different intents, whatever kind of activity carries them', async () => {
    const ids = await run(manyCalls, 'many', 'many');
    expect(new Set(ids).size).toBe(5);
    expect(harness.provider.count('many')).toBe(5);
    expect(new Set(references('many')).size).toBe(5);
  });

  it('leaves the order of commands as it is', async () => {
    await run(chargeOrTimeOut, 'timed', 'timed');
    expect(harness.provider.count('timed')).toBe(1);
  });

  it('survives a workflow reset: the new run gets the receipts of the first', async () => {
    const before = await run(chargeOnce, 'reset', 'reset');
    const { client } = harness.stack.env;
    const { runId } = (await client.workflowService.resetWorkflowExecution({
      namespace: harness.stack.temporalNamespace,
      workflowExecution: { workflowId: 'reset' },
      workflowTaskFinishEventId: 3 as never, // the first workflow task; protobufjs takes a number for a Long
      requestId: 'reset-once',
    })) as { runId: string };
    expect(await client.workflow.getHandle('reset', runId).result()).toEqual(before);
    expect(harness.provider.count('reset')).toBe(1);
  });

  it('survives a workflow retry: three attempts of the workflow, one charge', async () => {
    const { client } = harness.stack.env;
    const handle = await client.workflow.start(failsAfterCharge, {
      args: ['retried'],
      taskQueue: 'identity',
      workflowId: 'retried',
      retry: { initialInterval: '100ms', maximumAttempts: 3 },
    });
    await handle.result();
    await record('failsAfterCharge', handle);
    expect(harness.provider.count('retried')).toBe(1);
  });

  it('each run after a continue-as-new has new intents', async () => {
    expect(await run(chargePerRun, 'continued', 'continued')).toBe(3);
    expect(new Set(references('continued')).size).toBe(3);
  });

  it('a call that was open at a continue-as-new is the same intent in the next run', async () => {
    const { id } = await run(carriesOpenCall, 'carried', 'carried');
    expect(harness.provider.booked.filter((b) => b.order === 'carried').map((b) => b.id)).toEqual([id]);
  });

  it('an explicit id is one intent for every workflow that uses it', async () => {
    const [first, second] = [await run(payInvoice, 'pay-1', '42'), await run(payInvoice, 'pay-2', '42')];
    expect(second).toEqual(first);
    expect(harness.provider.count('42')).toBe(1);
  });

  it('a second, different call under one explicit id is refused', async () => {
    const handle = await start(reuseOneId, 'reuse', 'reuse');
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'InvalidRequest' } });
    expect(harness.provider.count('reuse')).toBe(1);
  });

  it('the same explicit id for another payload is refused, and nothing runs', async () => {
    await run(payInvoice, 'other-1', 'other');
    const handle = await start(payInvoice, 'other-2', 'other', 200);
    await expect(handle.result()).rejects.toMatchObject({
      cause: { cause: { type: 'RequestIdReused', nonRetryable: true } },
    });
    expect(harness.provider.booked.filter((b) => b.order === 'other').map((b) => b.amount)).toEqual([100]);
  });
});

describe('a failure in the workflow', () => {
  it('a rejection keeps its type and details, and the next call is a new intent', async () => {
    const seen = await run(declinedTwice, 'declined', 'declined');
    expect(seen.map(({ type, details }) => ({ type, details }))).toEqual([
      { type: 'CardDeclined', details: ['05', { order: 'declined' }] },
      { type: 'CardDeclined', details: ['05', { order: 'declined' }] },
    ]);
    expect(seen.map((s) => s.requestId)).toEqual(references('declined'));
    expect(new Set(references('declined')).size).toBe(2);
  });

  it("an ambiguous failure is OutcomeUnknown, and the workflow's own retry is the same intent", async () => {
    const { seen, charge } = await run(retriesItself, 'ambiguous', 'ambiguous');
    expect(seen.length).toBeGreaterThan(0);
    expect(seen[0]).toMatchObject({
      type: 'OutcomeUnknown',
      unknown: true,
      requestId: references('ambiguous')[0],
    });
    expect(harness.provider.booked.filter((b) => b.order === 'ambiguous').map((b) => b.id)).toEqual([
      charge.id,
    ]);
  });

  it('arguments that JSON cannot hold are refused before anything happens', async () => {
    expect(await run(badArguments, 'bad')).toMatchObject({ type: 'InvalidRequest' });
    expect(harness.provider.count('not a number')).toBe(0);
  });
});
