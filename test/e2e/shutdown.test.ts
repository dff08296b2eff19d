import { randomUUID } from 'node:crypto';

import { Context } from '@temporalio/activity';
import type { WorkflowHandle } from '@temporalio/client';
import type { Worker, WorkerOptions } from '@temporalio/worker';

import { guarded } from 'activity-guard/activity';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { deferred, until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start(require.resolve('../fixtures/observing-workflows'));
});
afterAll(() => here.stop());

/** One call of `work` on a worker that is shut down as soon as its effect runs, and whose pool is then closed. */
async function shutDown(
  work: () => Promise<unknown>,
  options: Partial<WorkerOptions>,
  meanwhile: (id: string, worker: Worker) => Promise<void> = () => Promise.resolve(),
) {
  const id = randomUUID();
  const begun = deferred();
  let effects = 0;
  const run = guarded({ leaseFor: '600ms' }, () => (effects++, begun.resolve(), work()));
  const receipts = pgReceipts({ connectionString: here.stack.databaseUrl, max: 2 });
  const { client } = here.stack.env;
  const calls = { name: 'run', id, times: 1, options: { heartbeatTimeout: '3s' } };
  const handle = await client.workflow.start('observe', {
    args: [calls],
    taskQueue: id,
    workflowId: id,
    workflowExecutionTimeout: '40s',
  });
  const plugins = [new ActivityGuardPlugin({ receipts })];
  const ended = await here
    .withWorker(id, { ...options, plugins, activities: { run } }, async (worker) => {
      const running = worker.run().then(
        () => 'stopped',
        (error: Error) => error.name,
      );
      await begun.promise;
      worker.shutdown();
      await meanwhile(id, worker);
      return running;
    })
    .finally(() => receipts.close());
  const receipt = await here.receipt(id);
  return { id, ended, receipt, handle, effects: () => effects };
}

/** What the workflow gets on another worker, and how many attempts that took. */
async function finishedElsewhere(handle: WorkflowHandle) {
  const run = guarded(() => Promise.reject(new Error('ran again')));
  const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
  const options = { plugins, activities: { run } };
  const result: unknown = await here.withWorker(handle.workflowId, options, (worker) =>
    worker.runUntil(handle.result()),
  );
  const { events } = await handle.fetchHistory();
  const attempts = events?.flatMap((event) => event.activityTaskStartedEventAttributes?.attempt ?? []);
  return { result, attempts };
}

describe('a worker that is shut down while an effect runs', () => {
  // Mutation: settling after the call has answered (not awaited) fails here: the pool is closed by then.
  it('lets it end within its grace time: settled and reported', async () => {
    const { ended, receipt, handle, effects } = await shutDown(async () => (await sleep(300), 'done'), {
      shutdownGraceTime: '5s',
    });
    expect([ended, receipt?.state]).toEqual(['stopped', 'committed']);
    expect(await finishedElsewhere(handle)).toEqual({ result: ['"done"'], attempts: [1] });
    expect(effects()).toBe(1);
  });

  // Mutation: leaving the row to its lease instead of marking it unknown fails here.
  it('marks an effect that gives up on the cancellation unknown at once', async () => {
    const { ended, receipt, handle, effects } = await shutDown(() => Context.current().cancelled, {
      shutdownGraceTime: 0,
    });
    expect([ended, receipt?.state]).toEqual(['stopped', 'unknown']);
    // Temporal retries what a worker's shutdown has cancelled; the guard does not run it again.
    await here.receipts.resolve({
      key: receipt?.key ?? '',
      epoch: 1,
      verdict: 'committed',
      source: 'operator',
      outcome: { format: 'json', bytes: new TextEncoder().encode('"seen"') },
    });
    expect((await finishedElsewhere(handle)).result).toEqual(['"seen"']);
    expect(effects()).toBe(1);
  });

  // Mutation: no drain in runWorker (or one that forgets running calls) fails here: the pool is closed by then.
  it('keeps the claim of one that ignores everything, and writes its result when it ends', async () => {
    const { promise: end, resolve: finish } = deferred();
    const leases: unknown[] = [];
    const { ended, receipt, handle, effects } = await shutDown(
      async () => (await end, 'late'),
      { shutdownGraceTime: '100ms', shutdownForceTime: '300ms' },
      async (id, worker) => {
        await until(() => worker.getState() === 'FAILED');
        // Two leases long: what is still held then has been renewed.
        await sleep(1200);
        const held = await here.receipt(id);
        leases.push(held?.state, (held?.leaseRemainingMs ?? 0) > 0);
        finish();
      },
    );
    expect(leases).toEqual(['claimed', true]);
    // The worker's own error is not hidden by the wait; in 1.24 it is that its native part is still in use.
    expect(ended).toMatch(/^(GracefulShutdownPeriodExpired|IllegalState)Error$/);
    expect(receipt?.state).toBe('committed');
    expect((await finishedElsewhere(handle)).result).toEqual(['"late"']);
    expect(effects()).toBe(1);
  });

  // Mutation: draining although another worker of the plugin still runs makes the first take ten seconds and fails here.
  it('does not wait for the effects of another worker of the same plugin', async () => {
    const { promise: end, resolve: finish } = deferred();
    const begun = deferred();
    const run = guarded(async () => (begun.resolve(), await end, 'done'));
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    const options = { plugins, activities: { run } };
    const queues = [randomUUID(), randomUUID()] as const;
    const { client } = here.stack.env;
    const tookMs = await here.withWorker(queues[0], options, async (busy) =>
      here.withWorker(queues[1], options, async (idle) => {
        const args = [{ name: 'run', id: queues[0], times: 1 }];
        const work = client.workflow.execute('observe', {
          args,
          taskQueue: queues[0],
          workflowId: queues[0],
        });
        const both = [busy.runUntil(work), idle.run()] as const;
        await begun.promise;
        const from = performance.now();
        idle.shutdown();
        await both[1];
        const took = performance.now() - from;
        finish();
        expect(await both[0]).toEqual(['"done"']);
        return took;
      }),
    );
    expect(tookMs).toBeLessThan(9000);
  });
});
