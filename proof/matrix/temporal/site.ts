/** One batch on Temporal: a task queue of its own, workers on it, and a person who decides what nobody else can. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { WorkflowFailedError } from '@temporalio/client';
import { Worker } from '@temporalio/worker';

import { ActivityGuardPlugin } from 'activity-guard/worker';
import { wakeWaiting } from 'activity-guard/client';
import { isUnresolved, type Receipt } from '../../../src/core';
import { until, within } from '../../../src/testing/bounded';
import { ProviderClient } from '../provider-client';
import type { Answer, Site, StartOptions, Victim } from '../site';
import { times, type Charge } from '../terms';
import { namespace, queues, type World } from '../world';
import { guardedActivities, rawActivities, type Terms } from './activities';
import type { WorkerConfig } from './worker-process';
import type { pay, Payment } from './workflows';

const startLimitMs = 30_000;
const lookEveryMs = 300;
const isGuarded = (terms: Terms): boolean => terms !== 'bare' && terms !== 'officialKey';

export class TemporalSite implements Site {
  readonly decided = new Set<string>();
  readonly longestHeldMs: number;
  readonly longestRaceMs: number;
  private readonly victims = new Set<Victim>();
  private successor: { readonly worker: Worker; readonly run: Promise<void> } | undefined;

  constructor(
    private readonly world: World,
    private readonly terms: Terms,
    private readonly queue: string,
    /** Several callers mean the same: two workflows with one id of their own choice, where the system has such ids. */
    private readonly sharesIds: boolean,
  ) {
    // What was not committed in time is rolled back, however late that is tried; and Temporal bears whatever comes.
    const isBound = isGuarded(terms) && terms !== 'transaction';
    this.longestHeldMs = isBound ? times.startToCloseMs + times.graceMs * 0.75 : Infinity;
    this.longestRaceMs = this.longestHeldMs;
  }

  async start({ storeUrl, requestMs = times.requestMs }: StartOptions = {}): Promise<Victim> {
    const { world, terms, queue } = this;
    const config: WorkerConfig = {
      ...{ address: world.temporal.address, namespace, queue, requestMs },
      ...{ databaseUrl: storeUrl ?? world.postgres.url, providerUrl: world.provider.url },
      ...{ isGuarded: isGuarded(terms), losesSettlements: terms === 'history' },
    };
    const child = fork(require.resolve('./worker-process'), [JSON.stringify(config)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit');
    const victim: Victim = {
      pid: child.pid ?? 0,
      ended,
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
        this.victims.delete(victim);
      },
    };
    this.victims.add(victim);
    const failed = ended.then(() => Promise.reject(new Error('a worker ended before it was ready')));
    failed.catch(() => undefined);
    await within(startLimitMs, 'the start of a worker', Promise.race([once(child, 'message'), failed]));
    return victim;
  }

  async succeed(): Promise<void> {
    const { world, terms, queue } = this;
    const { receipts } = world;
    const provider = new ProviderClient(world.provider.url, times.requestMs);
    const worker = await Worker.create({
      ...{ connection: world.temporal.connection, namespace, taskQueue: queue },
      ...(isGuarded(terms)
        ? {
            activities: guardedActivities(provider, receipts),
            plugins: [new ActivityGuardPlugin({ receipts, reconcile: terms === 'history' })],
          }
        : { activities: rawActivities(provider) }),
    });
    const run = worker.run();
    run.catch(() => undefined); // whoever stops it hears of it
    this.successor = { worker, run };
  }

  async call(intent: string, caller = 0): Promise<Answer> {
    const { terms, queue } = this;
    const payment: Payment = {
      ...{ intent, terms, queue, startToCloseMs: times.startToCloseMs },
      ...(this.sharesIds && { sharedId: `payment:${intent}` }),
    };
    const workflowId = this.sharesIds && caller > 0 ? `${intent}#${caller}` : intent;
    await this.world.temporal.client.workflow.start<typeof pay>('pay', {
      ...{ args: [payment], workflowId, taskQueue: isGuarded(terms) ? queues.guarded : queues.plain },
      workflowIdConflictPolicy: 'USE_EXISTING',
    });
    return this.answer(workflowId);
  }

  /** Temporal does it by itself, when the time of the first attempt is over. */
  async callAgain(intent: string): Promise<undefined> {
    const end = performance.now() + times.startToCloseMs + 5000;
    while ((await this.attempts(intent)) < 2 && performance.now() < end) await delay(lookEveryMs);
  }

  private async attempts(workflowId: string): Promise<number> {
    const { raw } = await this.world.temporal.client.workflow.getHandle(workflowId).describe();
    return raw.pendingActivities?.[0]?.attempt ?? 0;
  }

  async reset(workflowId: string): Promise<Answer> {
    const { client } = this.world.temporal;
    const { events = [] } = await client.workflow.getHandle(workflowId).fetchHistory();
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
    const { runId } = await client.workflowService.resetWorkflowExecution({
      ...{
        namespace,
        workflowExecution: { workflowId },
        requestId: `reset:${workflowId}`,
        reason: 'the proof',
      },
      workflowTaskFinishEventId: first?.eventId ?? null,
    });
    return this.answer(workflowId, runId ?? undefined);
  }

  killStore(): Promise<void> {
    return this.world.crash('postgres');
  }

  startStore(): Promise<void> {
    return this.world.restore('postgres');
  }

  async killServers(): Promise<void> {
    await this.world.crash('workflows');
    await this.world.crash('temporal');
  }

  async startServers(): Promise<void> {
    await this.world.restore('temporal');
    await this.world.restore('workflows');
  }

  async leftOpen(intent: string): Promise<string | undefined> {
    if (!isGuarded(this.terms)) return undefined;
    const end = performance.now() + times.boundMs;
    for (;;) {
      const open = (await this.receipts(intent)).find(({ state }) => state !== 'committed');
      if (!open) return undefined;
      if (performance.now() > end) return `its receipt is ${open.state}`;
      await delay(lookEveryMs);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.victims].map((victim) => victim.kill()));
    if (!this.successor) return;
    const { worker, run } = this.successor;
    const isUp = () => worker.getState() !== 'INITIALIZED'; // it checks its receipts first
    await until(startLimitMs, lookEveryMs, isUp);
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await run;
  }

  private async receipts(intent: string): Promise<readonly Receipt[]> {
    const ids = this.sharesIds ? [intent, `${intent}#1`] : [intent];
    return (await Promise.all(ids.map((workflowId) => this.world.receipts.list({ workflowId })))).flat();
  }

  /** The end of a workflow, whatever becomes of the server in between. */
  private async answer(workflowId: string, runId?: string): Promise<Answer> {
    const end = performance.now() + times.boundMs;
    const over = new AbortController();
    const person = this.decide(workflowId, over.signal);
    let reason = 'no answer';
    try {
      while (performance.now() < end) {
        try {
          const handle = this.world.temporal.client.workflow.getHandle<typeof pay>(workflowId, runId);
          const { id } = await within(end - performance.now(), workflowId, handle.result());
          return { kind: 'value', id };
        } catch (error) {
          if (error instanceof WorkflowFailedError) return { kind: 'failed', reason: String(error.cause) };
          reason = String(error);
          await delay(lookEveryMs);
        }
      }
      await this.world.temporal.client.workflow
        .getHandle(workflowId)
        .terminate()
        .catch(() => undefined);
      return { kind: 'open', reason };
    } finally {
      over.abort();
      await person;
    }
  }

  /** Looks at the provider's books, where the guard says that nobody knows and nothing else will find out. */
  private async decide(workflowId: string, over: AbortSignal): Promise<void> {
    if (this.terms !== 'hold' && this.terms !== 'history') return;
    while (!over.aborted) {
      await delay(lookEveryMs);
      try {
        for (const receipt of await this.world.receipts.list({ workflowId, unresolved: true }))
          if (isUnresolved(receipt) && receipt.leaseRemainingMs + receipt.graceMs < 0)
            await this.settle(workflowId, receipt);
      } catch {
        // The database is away: looks again.
      }
    }
  }

  private async settle(workflowId: string, receipt: Receipt): Promise<void> {
    const { world, terms } = this;
    const intent = workflowId.split('#')[0] ?? '';
    // Where Temporal has the result, the history says so; a person would only be quicker.
    if (terms === 'history' && (await this.hasResult(workflowId))) return;
    const { effects = [] } = (await world.provider.status([intent]))[intent] ?? {};
    const charge: Charge | undefined = effects[0] === undefined ? undefined : { id: effects[0] };
    const bytes = new TextEncoder().encode(JSON.stringify(charge));
    const isResolved = await world.receipts.resolve({
      ...{ key: receipt.key, epoch: receipt.epoch, source: 'operator', by: 'the proof' },
      verdict: charge ? 'committed' : 'not-committed',
      ...(charge && { outcome: { format: 'json', bytes } }),
    });
    if (!isResolved) return;
    this.decided.add(intent);
    await wakeWaiting(world.temporal.client, receipt);
  }

  private async hasResult(workflowId: string): Promise<boolean> {
    const { events } = await this.world.temporal.client.workflow.getHandle(workflowId).fetchHistory();
    return events?.some((event) => event.activityTaskCompletedEventAttributes != null) ?? false;
  }

  async effects(intents: readonly string[]): Promise<readonly (readonly string[])[]> {
    const { rows } = await this.world.pool.query<{ intent: string; id: string }>(
      'select intent, id::text from bookings where intent = any($1)',
      [intents],
    );
    return intents.map((intent) => rows.filter((row) => row.intent === intent).map(({ id }) => id));
  }
}
