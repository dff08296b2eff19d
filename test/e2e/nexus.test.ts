/** Guarded activities of workflows that a Nexus handler starts: they are the caller's intents. */
import { randomUUID } from 'node:crypto';

import type { Workflow, WorkflowHandle, WorkflowStartOptions } from '@temporalio/client';
import { bundleWorkflowCode, Worker, type WorkflowBundle } from '@temporalio/worker';

import { ActivityGuardPlugin, type NexusCaller } from 'activity-guard/worker';
import { createActivities, ProviderClient } from '../fixtures/activities';
import { paymentsService, type Handled } from '../fixtures/nexus-service';
import {
  failsAfterNexus,
  payOverNexus,
  payShakilyOverNexus,
  payTwiceOverNexus,
} from '../fixtures/nexus-workflows';
import { record } from '../support/histories';
import { Provider } from '../support/provider';
import { quiet } from '../support/quiet';
import { WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/nexus-workflows');
const endpoint = `payments-${randomUUID()}`;
const handlers = `${endpoint}-handlers`;
const callers = `${endpoint}-callers`;

let here: WorkerHere;
let provider: Provider;
let bare: WorkflowBundle;
let handled: Handled[];
let asked: NexusCaller[];
let histories: { name: string; history: Awaited<ReturnType<WorkflowHandle['fetchHistory']>> }[];
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  provider = await Provider.start();
  bare = await bundleWorkflowCode({ workflowsPath, logger: quiet });
  [handled, asked, histories] = [[], [], []];
  await operator().createNexusEndpoint({
    spec: {
      name: endpoint,
      target: { worker: { namespace: here.stack.temporalNamespace, taskQueue: handlers } },
    },
  });
});
afterAll(async () => {
  await provider.stop();
  await here.stop();
});

const operator = () => here.stack.env.client.connection.operatorService;

/** Works while the service runs, and the callers with (or without) the guard's workflow interceptors. */
async function withWorkers<T>(
  work: () => Promise<T>,
  { callersBundle = here.workflowBundle, trusts = true } = {},
): Promise<T> {
  const trustNexusCaller = (caller: NexusCaller): boolean => (asked.push(caller), trusts);
  const service = {
    activities: createActivities(new ProviderClient(provider.url)),
    nexusServices: [paymentsService(handled)],
    plugins: [new ActivityGuardPlugin({ receipts: here.receipts, trustNexusCaller })],
  };
  return here.withWorker(handlers, service, (handler) =>
    here.withWorker(callers, { workflowBundle: callersBundle }, (caller) =>
      handler.runUntil(() => caller.runUntil(work)),
    ),
  );
}

const start = <W extends Workflow>(
  workflow: W,
  order: string,
  more: Partial<WorkflowStartOptions> = {},
): Promise<WorkflowHandle<W>> =>
  here.stack.env.client.workflow.start<W>(workflow, {
    args: [endpoint, order],
    taskQueue: callers,
    workflowId: `${endpoint}-${order}`,
    workflowExecutionTimeout: '50s',
    ...more,
  } as never) as Promise<WorkflowHandle<W>>;

async function resultOf<W extends Workflow>(workflow: W, handle: WorkflowHandle<W>): Promise<unknown> {
  const result: unknown = await handle.result();
  await record(workflow.name, handle);
  histories.push({ name: workflow.name, history: await handle.fetchHistory() });
  return result;
}

/** Has the finished workflow run again from its first task; the result of that run. */
async function resetAndFinish({ workflowId }: WorkflowHandle): Promise<unknown> {
  const { client } = here.stack.env;
  const { runId } = (await client.workflowService.resetWorkflowExecution({
    namespace: here.stack.temporalNamespace,
    workflowExecution: { workflowId },
    workflowTaskFinishEventId: 3 as never, // the first workflow task; protobufjs takes a number for a Long
    requestId: randomUUID(),
  })) as { runId: string };
  return client.workflow.getHandle(workflowId, runId).result();
}

const runsFor = (order: string): Handled[] => handled.filter((h) => h.order === order);

/** What the workflows that the handlers have started for an order came to. */
const resultsOfStarted = (order: string): Promise<unknown[]> =>
  Promise.all(
    runsFor(order).map(({ workflowId }) => here.stack.env.client.workflow.getHandle(workflowId).result()),
  );

describe('a workflow that a Nexus handler starts', () => {
  it('acts once, though its caller is reset and the handler starts another workflow', async () => {
    await withWorkers(async () => {
      const handle = await start(payOverNexus, 'reset');
      const before = await resultOf(payOverNexus, handle);
      expect(await resetAndFinish(handle)).toEqual(before);
    });
    const [first, second] = runsFor('reset');
    expect(second).toMatchObject({ sent: first?.sent });
    expect(second?.workflowId).not.toBe(first?.workflowId);
    expect(second?.requestId).not.toBe(first?.requestId); // nothing that Temporal itself could know them by
    expect(provider.count('reset')).toBe(1);
  });

  it('is tied to the namespace that the server says the caller is in', () => {
    expect(asked).not.toEqual([]);
    for (const caller of asked) {
      expect(caller).toMatchObject({ namespace: here.stack.temporalNamespace, service: 'payments' });
    }
  });

  it('acts once in three attempts of its caller', async () => {
    await withWorkers(async () => {
      const retry = { initialInterval: '100ms', maximumAttempts: 3 };
      const handle = await start(failsAfterNexus, 'retried', { retry });
      await resultOf(failsAfterNexus, handle);
    });
    expect(new Set(runsFor('retried').map((h) => h.workflowId)).size).toBe(3);
    expect(provider.count('retried')).toBe(1);
  });

  it('acts twice for two equal operations side by side', async () => {
    const charges = await withWorkers(async () =>
      resultOf(payTwiceOverNexus, await start(payTwiceOverNexus, 'twins')),
    );
    expect(new Set((charges as { id: string }[]).map(({ id }) => id)).size).toBe(2);
    expect(provider.count('twins')).toBe(2);
  });

  it('acts once, though the handler fails after the start and starts it again', async () => {
    const [charge, started] = await withWorkers(async () => [
      await resultOf(payShakilyOverNexus, await start(payShakilyOverNexus, 'shaky')),
      await resultsOfStarted('shaky'),
    ]);
    expect(started).toEqual([charge, charge, charge]);
    expect(new Set(runsFor('shaky').map((h) => h.sent)).size).toBe(1); // Temporal sends the header each time
    expect(provider.count('shaky')).toBe(1);
  });
});

describe('without the scope of its caller', () => {
  const scopeOfBooked = (order: string): (string | undefined)[] =>
    provider.booked.filter((b) => b.order === order).map((b) => /^\d+:([^/]*)\//.exec(b.reference)?.[1]);

  // Unguarded callers lose what the header gives, and nothing else.
  it('a workflow has a scope of its own: the caller has no interceptor', async () => {
    await withWorkers(
      async () => {
        const handle = await start(payOverNexus, 'bare');
        expect(await resultOf(payOverNexus, handle)).toMatchObject({ amount: 100 });
        await resetAndFinish(handle);
      },
      { callersBundle: bare },
    );
    expect(runsFor('bare').map((h) => h.sent)).toEqual([undefined, undefined]);
    expect(scopeOfBooked('bare')).toEqual([expect.stringMatching(uuid), expect.stringMatching(uuid)]);
  });

  it('a workflow has a scope of its own: the caller is not trusted', async () => {
    await withWorkers(async () => resultOf(payOverNexus, await start(payOverNexus, 'distrusted')), {
      trusts: false,
    });
    expect(scopeOfBooked('distrusted')).toEqual([expect.stringMatching(uuid)]);
  });
});

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// Runs of callers with and without the interceptors, from the tests above.
it.each([
  ['with', () => here.workflowBundle],
  ['without', () => bare],
])('callers replay %s the interceptors', async (_, bundle) => {
  expect(new Set(histories.map(({ name }) => name)).size).toBe(4);
  for (const { history } of histories) await Worker.runReplayHistory({ workflowBundle: bundle() }, history);
});
