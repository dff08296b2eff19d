/** Guarded activities of workflows that a Nexus handler starts: they are the caller's intents. */
import { randomUUID } from 'node:crypto';

import { Client, type Workflow, type WorkflowHandle, type WorkflowStartOptions } from '@temporalio/client';
import { bundleWorkflowCode, Worker, type WorkflowBundle } from '@temporalio/worker';

import { ActivityGuardPlugin, type NexusCaller } from 'activity-guard/worker';
import { createActivities, ProviderClient, type Charge } from '../fixtures/activities';
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
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

const workflowsPath = require.resolve('../fixtures/nexus-workflows');
const endpoint = `payments-${randomUUID()}`;
const handlers = `${endpoint}-handlers`;
const callers = `${endpoint}-callers`;
/** The callers are another team: they have a namespace of their own. */
const theirs = `${endpoint}-namespace`;

let here: WorkerHere;
let client: Client;
let provider: Provider;
let bare: WorkflowBundle;
let handled: Handled[];
let asked: NexusCaller[];
beforeAll(async () => {
  here = await WorkerHere.start(workflowsPath);
  provider = await Provider.start();
  bare = await bundleWorkflowCode({ workflowsPath, logger: quiet });
  [handled, asked] = [[], []];
  const { connection } = here.stack.env.client;
  client = new Client({ connection, namespace: theirs });
  await connection.operatorService.createNexusEndpoint({
    spec: {
      name: endpoint,
      target: { worker: { namespace: here.stack.temporalNamespace, taskQueue: handlers } },
    },
  });
  await connection.workflowService.registerNamespace({
    namespace: theirs,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never }, // protobufjs takes a number for a Long
  });
  await until(serverKnowsNamespace);
});
afterAll(async () => {
  await provider.stop();
  await here.stop();
});

/** A namespace is used through caches, some time after it was registered. */
async function serverKnowsNamespace(): Promise<boolean> {
  const start = client.workflow.start('nobody', { taskQueue: `${callers}-none`, workflowId: randomUUID() });
  return start.then(
    (handle) => handle.terminate().then(() => true),
    () => false,
  );
}

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
    here.withWorker(callers, { namespace: theirs, workflowBundle: callersBundle }, (caller) =>
      handler.runUntil(() => caller.runUntil(work)),
    ),
  );
}

const start = <W extends Workflow>(
  workflow: W,
  order: string,
  more: Partial<WorkflowStartOptions> = {},
): Promise<WorkflowHandle<W>> =>
  client.workflow.start<W>(workflow, {
    args: [endpoint, order],
    taskQueue: callers,
    workflowId: `${endpoint}-${order}`,
    workflowExecutionTimeout: '50s',
    ...more,
  } as never) as Promise<WorkflowHandle<W>>;

/** The result of a caller, whose history must replay with and without the guard's interceptors. */
async function resultOf<W extends Workflow>(workflow: W, handle: WorkflowHandle<W>): Promise<unknown> {
  const result: unknown = await handle.result();
  await record(workflow.name, handle);
  for (const workflowBundle of [here.workflowBundle, bare]) {
    await Worker.runReplayHistory({ workflowBundle }, await handle.fetchHistory());
  }
  return result;
}

/** Has the finished workflow run again from its first task; the result of that run. */
async function resetAndFinish({ workflowId }: WorkflowHandle): Promise<unknown> {
  const { runId } = (await client.workflowService.resetWorkflowExecution({
    namespace: theirs,
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
    const [first, second] = [runsFor('reset')[0], runsFor('reset').at(-1)];
    expect(second).toMatchObject({ sent: first?.sent });
    expect(second?.workflowId).not.toBe(first?.workflowId);
    expect(second?.requestId).not.toBe(first?.requestId); // nothing that Temporal itself could know them by
    expect(provider.count('reset')).toBe(1);
    // The server, not the caller, says who calls.
    expect(asked.at(-1)).toEqual({ namespace: theirs, service: 'payments', operation: 'pay' });
  });

  it('acts once in three attempts of its caller', async () => {
    await withWorkers(async () => {
      const retry = { initialInterval: '100ms', maximumAttempts: 3 };
      const handle = await start(failsAfterNexus, 'retried', { retry });
      await resultOf(failsAfterNexus, handle);
    });
    expect(new Set(runsFor('retried').map((h) => h.requestId)).size).toBe(3);
    expect(provider.count('retried')).toBe(1);
  });

  it('acts twice for two equal operations side by side', async () => {
    const ids = (charges: unknown): string[] => (charges as Charge[]).map(({ id }) => id).sort();
    const [before, after] = await withWorkers(async () => {
      const handle = await start(payTwiceOverNexus, 'twins');
      return [await resultOf(payTwiceOverNexus, handle), await resetAndFinish(handle)];
    });
    expect(new Set(ids(before)).size).toBe(2);
    expect(ids(after)).toEqual(ids(before));
    expect(provider.count('twins')).toBe(2);
  });

  it('acts once, though the handler fails after the start and starts it again', async () => {
    const [charge, started] = await withWorkers(async () => [
      await resultOf(payShakilyOverNexus, await start(payShakilyOverNexus, 'shaky')),
      await resultsOfStarted('shaky'),
    ]);
    expect(started.length).toBeGreaterThanOrEqual(3);
    expect(started).toEqual(started.map(() => charge));
    expect(new Set(runsFor('shaky').map((h) => h.sent)).size).toBe(1); // Temporal sends the header each time
    expect(provider.count('shaky')).toBe(1);
  });
});

describe('without the scope of its caller', () => {
  const ownScope = /^36:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\//;
  const expectOwnScopes = (order: string): void => {
    const booked = provider.booked.filter((b) => b.order === order);
    expect(booked).not.toEqual([]);
    for (const { reference } of booked) expect(reference).toMatch(ownScope);
  };

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
    expect(runsFor('bare').filter((h) => h.sent !== undefined)).toEqual([]);
    expect(provider.count('bare')).toBeGreaterThanOrEqual(2); // not tied to one another
    expectOwnScopes('bare');
  });

  it('a workflow has a scope of its own: the caller is not trusted', async () => {
    await withWorkers(async () => resultOf(payOverNexus, await start(payOverNexus, 'distrusted')), {
      trusts: false,
    });
    expectOwnScopes('distrusted');
  });
});
