import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { pgReceipts } from 'activity-guard/pg';
import type { Order } from '../../activities/order';
import type { AgentOutcome, orderAgent } from '../../workflows';
import { countAttempts } from './attempts';
import { Director } from './director';
import { KILL_POINTS } from './kill-plan';
import type { Progress } from './progress';
import type { StackAddress } from './stack';
import type { RunRecord } from './tally';
import type { Teardown } from './teardown';
import type { WorkerConfig } from './worker';
import { WorkerPool } from './workers';
import { startWorld } from './world';

export interface ScenarioOptions {
  guarded: boolean;
  orders: readonly Order[];
  client: Client;
  stack: StackAddress;
  bundlePath: string;
  folder: string;
  progress: Progress;
  teardown: Teardown;
  /** An order that takes longer is lost. */
  orderTimeoutMs: number;
}

export interface Scenario {
  record: RunRecord;
  /** Ends its processes; otherwise the teardown does. */
  stop(): Promise<void>;
}

const WORKERS = 2;
const ORDERS_AT_ONCE = 8;

/** Requests of killed workers may still be under way when the last order ends. */
const LAST_REQUESTS_MS = 500;

/** One run: a fresh world, fresh workers, all orders, the kills, and what came of it. */
export async function runScenario(options: ScenarioOptions): Promise<Scenario> {
  const { guarded, orders, client, stack, progress, teardown } = options;
  const name = guarded ? 'guarded' : 'unguarded';
  const runId = `demo-${name}-${randomUUID().slice(0, 8)}`;
  const folder = path.join(options.folder, name);
  const world = await startWorld(folder);
  teardown.add(() => world.stop());
  const director = new Director(KILL_POINTS, progress);
  for (const provider of world.children) director.watch(provider);
  const configOf = (worker: string): WorkerConfig => ({
    name: worker,
    guarded,
    stack,
    world: world.address,
    taskQueue: runId,
    receiptsNamespace: runId,
    bundlePath: options.bundlePath,
  });
  const workers = new WorkerPool(folder, configOf, (worker) => director.watch(worker));
  teardown.add(() => workers.stop());
  director.commands(workers);
  await workers.start(WORKERS);
  progress.line(`${name} run: ${WORKERS} workers are up, ${orders.length} orders come in`);
  const ids = new Map(orders.map((order) => [order.id, `${runId}-${order.id}`]));
  const agents = runOrders(options, runId, ids);
  const outcomes = await Promise.race([agents, workers.failure]);
  await sleep(LAST_REQUESTS_MS);
  const unresolvedIds = guarded ? await listUnresolved(stack, runId) : new Set<string>();
  const record: RunRecord = {
    orders,
    outcomes,
    effects: await world.effects(),
    attempts: await countAttempts(client, [...ids.values()]),
    unresolved: unresolvedIds.size,
    ...director.summary(unresolvedIds),
  };
  progress.line(`${name} run: ${outcomes.size} of ${orders.length} orders done`);
  const stop = async (): Promise<void> => {
    await workers.stop();
    await world.stop();
  };
  return { record, stop };
}

/** Keeps a few orders in the works until all are done; those that fail are told and left out. */
async function runOrders(
  { orders, client, progress, teardown, orderTimeoutMs }: ScenarioOptions,
  taskQueue: string,
  workflowIds: ReadonlyMap<string, string>,
): Promise<Map<string, AgentOutcome>> {
  const outcomes = new Map<string, AgentOutcome>();
  const queue = [...orders];
  let ended = 0;
  const lane = async (): Promise<void> => {
    for (let order = queue.shift(); order !== undefined; order = queue.shift()) {
      try {
        const outcome = await client.workflow.execute<typeof orderAgent>('orderAgent', {
          taskQueue,
          workflowId: workflowIds.get(order.id) ?? order.id,
          args: [order],
          workflowTaskTimeout: '3s',
          workflowExecutionTimeout: orderTimeoutMs,
        });
        outcomes.set(order.id, outcome);
      } catch (error) {
        if (teardown.begun) return;
        progress.line(`order ${order.id} failed: ${rootCause(error)}`);
      }
      progress.orders(++ended, orders.length);
    }
  };
  await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, lane));
  return outcomes;
}

/** Receipts that are unknown, or claimed by nobody alive. */
async function listUnresolved(stack: StackAddress, namespace: string): Promise<Set<string>> {
  const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 1 }, { namespace });
  try {
    const unresolved = await receipts.list({ unresolved: true, limit: 1_000 });
    return new Set(unresolved.map(({ requestId }) => requestId));
  } finally {
    await receipts.close();
  }
}

function rootCause(error: unknown): string {
  let cause = error;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  return cause instanceof Error ? cause.message : String(cause);
}
