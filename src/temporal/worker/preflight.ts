/** Gathers what the checks look at before a worker polls, and does what their findings ask for. */
import { Runtime, type Worker } from '@temporalio/worker';

import { assertReceipts, InvalidRequestError, type ReceiptStore } from '../../core';
import { guardedOptions } from '../activity/guarded';
import { lineOf } from './finding';
import { findings, type PreflightFacts } from './findings';
import type { GuardDefaults } from './guarded-call';
import { isListed } from './interceptor';

/** A worker that is told to stop hears it only once it polls: a namespace that cannot be described must not delay that. */
const longestAskMs = 2000;

/**
 * Checks a worker that is about to start, and logs the warnings.
 * @throws ReceiptStoreUnavailableError when the receipts cannot be used
 * @throws InvalidRequestError without receipts, and with all errors of the configuration
 */
export async function preflight(
  worker: Worker,
  receipts: ReceiptStore,
  defaults: GuardDefaults,
): Promise<void> {
  // Not when the plugin is made: for a bundle or a replay it needs none.
  assertReceipts('new ActivityGuardPlugin({ receipts })', receipts);
  await receipts.check();
  const found = findings(await factsOf(worker, receipts, defaults));
  const { logger } = Runtime.instance();
  const { taskQueue } = worker.options;
  for (const finding of found)
    if (finding.level === 'warning') logger.warn(lineOf(finding), { taskQueue, code: finding.code });
  const errors = found.filter(({ level }) => level === 'error');
  if (errors.length > 0) throw new InvalidRequestError(errors.map(lineOf).join('\n'));
}

async function factsOf(
  worker: Worker,
  receipts: ReceiptStore,
  defaults: GuardDefaults,
): Promise<PreflightFacts> {
  const { activities, namespace } = worker.options;
  const guarded = [...activities].flatMap(([name, fn]) => {
    const options = guardedOptions(fn);
    return options || isListed(defaults.guard, name) ? [{ name, options: options ?? {} }] : [];
  });
  const retains = [defaults, ...guarded.map(({ options }) => options)].some(
    ({ retainFor }) => retainFor !== undefined,
  );
  const [store = {}, retentionMs] = await Promise.all([
    receipts.describe?.(),
    retains ? historyRetentionMs(worker) : undefined,
  ]);
  return {
    registered: [...activities.keys()],
    guarded,
    defaults,
    store,
    slots: slotsOf(worker),
    temporalNamespace: namespace,
    historyRetentionMs: retentionMs,
  };
}

/** Activities that can run at a time, local ones included, if their numbers are fixed. */
function slotsOf({ options: { tuner, enableNonLocalActivities } }: Worker): number | undefined {
  const { activityTaskSlotSupplier, localActivityTaskSlotSupplier } = tuner;
  const suppliers = [
    localActivityTaskSlotSupplier,
    ...(enableNonLocalActivities ? [activityTaskSlotSupplier] : []),
  ];
  return suppliers.reduce<number | undefined>(
    (sum, supplier) =>
      sum === undefined || supplier.type !== 'fixed-size' ? undefined : sum + supplier.numSlots,
    0,
  );
}

/** How long Temporal keeps closed histories; `undefined` if it may not be asked, or does not say. */
async function historyRetentionMs({ connection, options }: Worker): Promise<number | undefined> {
  try {
    const answer = await connection?.withDeadline(Date.now() + longestAskMs, () =>
      connection.workflowService.describeNamespace({ namespace: options.namespace }),
    );
    const seconds = answer?.config?.workflowExecutionRetentionTtl?.seconds;
    return seconds ? Number(seconds.toString()) * 1000 : undefined;
  } catch {
    return undefined;
  }
}
