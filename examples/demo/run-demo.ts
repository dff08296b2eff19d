import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { modelFromEnvironment } from '../../activities/model';
import { bundleWorkflows } from './bundles';
import { Child } from './child';
import { readOrders } from './orders';
import type { Progress } from './progress';
import type { DemoResult } from './report';
import { runScenario } from './scenario';
import type { ScenarioOptions } from './scenario';
import type { StackAddress, StackConfig } from './stack';
import { tally } from './tally';
import type { Teardown } from './teardown';

export interface DemoOptions {
  folder: string;
  keep: boolean;
  progress: Progress;
  teardown: Teardown;
}

/** The first start may download and unpack what it needs. */
const STACK_TIMEOUT_MS = 120_000;
const STACK_STOP_MS = 65_000;

/** Runs the orders twice and sets what happened against what should have. */
export async function runDemo(options: DemoOptions): Promise<DemoResult & { addresses: readonly string[] }> {
  const { folder, keep, progress, teardown } = options;
  const orders = await readOrders();
  const model = modelFromEnvironment();
  progress.line(`starting Postgres and Temporal; ${orders.length} orders, ${model.name} model`);
  const [stack, plainBundle] = await Promise.all([
    startStack(options),
    bundleWorkflows(folder, 'unguarded', []),
  ]);
  const receipts = pgReceipts({ connectionString: stack.databaseUrl, max: 1 });
  teardown.add(() => receipts.close());
  await receipts.migrate();
  const guardedBundle = await bundleWorkflows(folder, 'guarded', [new ActivityGuardPlugin({ receipts })]);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  // Left for the end of the process to close: a call that is under way then, and retried by the
  // SDK's timer on a closed connection, would throw where nobody can catch it.
  const client = new Client({ connection, namespace: stack.temporalNamespace });
  const common = { orders, client, stack, folder, progress, teardown };
  const run = (own: Pick<ScenarioOptions, 'guarded' | 'bundlePath'>) =>
    runScenario({ ...common, ...own, orderTimeoutMs: model.scripted ? 90_000 : 300_000 });

  const unguarded = await run({ guarded: false, bundlePath: plainBundle });
  await unguarded.stop();
  const guarded = await run({ guarded: true, bundlePath: guardedBundle });
  if (!keep) await guarded.stop();
  return {
    unguarded: { record: unguarded.record, tally: tally(unguarded.record, model.scripted) },
    guarded: { record: guarded.record, tally: tally(guarded.record, model.scripted) },
    model: model.name,
    scripted: model.scripted,
    seconds: progress.seconds,
    addresses: describeAddresses(stack),
  };
}

async function startStack({ folder, keep, teardown }: DemoOptions): Promise<StackAddress> {
  const config: StackConfig = { folder, ui: keep };
  const child = new Child({
    name: 'stack',
    script: path.join(__dirname, 'stack.js'),
    config,
    logFile: path.join(folder, 'stack.log'),
  });
  teardown.add(() => child.stop(STACK_STOP_MS));
  return child.ready<StackAddress>(STACK_TIMEOUT_MS);
}

function describeAddresses(stack: StackAddress): string[] {
  const { databaseUrl, temporalAddress, temporalNamespace, temporalUiUrl } = stack;
  return [
    ...(temporalUiUrl === undefined ? [] : [`Temporal UI: ${temporalUiUrl}`]),
    `Temporal: ${temporalAddress}, namespace ${temporalNamespace}`,
    `Database: ${databaseUrl}`,
  ];
}
