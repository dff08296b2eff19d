/** The workflows of the matrix. The same code serves all columns; each returns every charge that it got. */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  defineUpdate,
  executeChild,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';

import {
  backingOff,
  intend,
  local,
  patient,
  unretriedLocal,
  remote,
  single,
  unretried,
  within,
  type Case,
} from './intents';
import type { Charge } from './matrix';

export { program } from './program-workflow';

export const pay = defineSignal<[item: string, intent: string]>('pay');
export const payNow = defineUpdate<Charge, [item: string, intent: string]>('payNow');
export const goOn = defineSignal('goOn');

/** Resolves when the signal `goOn` comes. */
function told(): Promise<void> {
  let isTold = false;
  setHandler(goOn, () => void (isTold = true));
  return condition(() => isTold);
}

const failOnce = (): void => {
  if (workflowInfo().attempt < 2) throw ApplicationFailure.retryable('the workflow fails after its calls');
};

/** One call. */
export async function one(c: Case): Promise<Charge[]> {
  return [await intend(c, 'a', () => remote.act(c.cell, 'a'))];
}

/** One call that Temporal does not retry by itself within the row. */
export async function oneWithoutRetry(c: Case): Promise<Charge[]> {
  return [await intend(c, 'a', () => unretried.act(c.cell, 'a'))];
}

/** One call that may take long. */
export async function onePatiently(c: Case): Promise<Charge[]> {
  return [await intend(c, 'a', () => patient.act(c.cell, 'a'))];
}

/** A call and two equal ones after it. */
export async function three(c: Case): Promise<Charge[]> {
  const a = await intend(c, 'a', () => remote.act(c.cell, 'a'));
  const b1 = await intend(c, 'b1', () => remote.act(c.cell, 'b'));
  return [a, b1, await intend(c, 'b2', () => remote.act(c.cell, 'b'))];
}

/** Two equal calls at once. */
export async function sideBySide(c: Case): Promise<Charge[]> {
  return Promise.all(['a1', 'a2'].map((name) => intend(c, name, () => remote.act(c.cell, 'a'))));
}

/** One call, and then it waits. */
export async function waiting(c: Case): Promise<Charge[]> {
  const goesOn = told();
  const charge = await intend(c, 'a', () => remote.act(c.cell, 'a'));
  await goesOn;
  return [charge];
}

/** Fails once when it is told to go on. */
export async function failsWhenTold(c: Case): Promise<Charge[]> {
  const goesOn = told();
  const charge = await intend(c, 'a', () => remote.act(c.cell, 'a'));
  if (workflowInfo().attempt < 2) await goesOn;
  failOnce();
  return [charge];
}

/** Two equal calls, then it fails once. */
export async function failsOnce(c: Case): Promise<Charge[]> {
  const charges = [
    await intend(c, 'a1', () => remote.act(c.cell, 'a')),
    await intend(c, 'a2', () => remote.act(c.cell, 'a')),
  ];
  failOnce();
  return charges;
}

/** How a chain of runs goes. */
export interface Plan {
  readonly runs: number;
  /** The run that fails once. */
  readonly failsIn?: number;
  /** The first run leaves a call open, and the second makes it again. */
  readonly leavesOpen?: boolean;
}

/** An equal call in each of several runs. */
export async function chained(c: Case, plan: Plan, run = 1, got: Charge[] = []): Promise<Charge[]> {
  got = [...got, await intend(c, `each-${run}`, () => remote.act(c.cell, 'each'))];
  const call = (): Promise<Charge> => intend(c, 'open', () => single.act(c.cell, 'open'));
  if (plan.leavesOpen && run === 1) await call().catch(() => undefined);
  if (plan.leavesOpen && run === 2) got.push(await untilDone(call));
  if (run === plan.failsIn) failOnce();
  if (run < plan.runs) await continueAsNew<typeof chained>(c, plan, run + 1, got);
  return got;
}

const mostTries = 30;

/** The workflow's own retry loop. */
async function untilDone(call: () => Promise<Charge>): Promise<Charge> {
  for (let i = 0; i < mostTries; i++) {
    try {
      return await call();
    } catch {
      await sleep('200ms');
    }
  }
  throw ApplicationFailure.nonRetryable('it was never done');
}

/** A call in a retry loop of the workflow. */
export async function ownLoop(c: Case): Promise<Charge[]> {
  return [await untilDone(() => intend(c, 'a', () => single.act(c.cell, 'a')))];
}

/** Declined, and then tried again as a new intent. */
export async function declinedThenPaid(c: Case): Promise<Charge[]> {
  await intend(c, 'first', () => single.act(c.cell, 'a')).catch(() => undefined);
  return [await untilDone(() => intend(c, 'second', () => single.act(c.cell, 'a')))];
}

/** A tick of a cron schedule: each gets one charge, and the last one waits for ever without. */
export async function tick(c: Case, ticks: number, waits = false): Promise<Charge[]> {
  const got = (workflowInfo().lastResult as Charge[] | undefined) ?? [];
  const goesOn = told();
  if (got.length === ticks) await condition(() => false);
  const charge = await intend(c, `tick-${got.length + 1}`, () => remote.act(c.cell, 'a'));
  if (waits) await goesOn;
  return [...got, charge];
}

/** A run that a schedule or a repeated start makes: explicit ids name the run's business, not its content. */
export async function oneOfMany(c: Case, business = workflowInfo().workflowId): Promise<Charge[]> {
  return [await intend(c, business, () => remote.act(c.cell, 'a'))];
}

/** A local activity that is retried after a timer of the workflow. */
export async function localBackoff(c: Case): Promise<Charge[]> {
  return [await intend(c, 'a', () => backingOff.act(c.cell, 'a'))];
}

/** A local activity, cancelled while it waits for its retry, and called again. */
export async function localCancelled(c: Case): Promise<Charge[]> {
  const scope = new CancellationScope();
  const goesOn = told();
  const first = scope.run(() => intend(c, 'a', () => unretriedLocal.act(c.cell, 'a')));
  const seen = first.catch(() => undefined);
  await goesOn;
  scope.cancel();
  await seen;
  return [await intend(c, 'a', () => local.act(c.cell, 'a'))];
}

/** A call that is given up, and made again. */
export async function cancelled(c: Case): Promise<Charge[]> {
  const scope = new CancellationScope();
  const goesOn = told();
  const first = scope.run(() => intend(c, 'a', () => patient.act(c.cell, 'a')));
  const seen = first.catch(() => undefined);
  await goesOn;
  scope.cancel();
  await seen;
  return [await intend(c, 'a', () => remote.act(c.cell, 'a'))];
}

/** A call raced by a timer, which only gives up waiting for a while. */
export async function raced(c: Case): Promise<Charge[]> {
  const call = intend(c, 'a', () => patient.act(c.cell, 'a'));
  await Promise.race([call, sleep('100ms')]);
  return [await call];
}

/** A call of its own, and one for each signal or update. */
export async function listening(c: Case): Promise<Charge[]> {
  const got: Charge[] = [];
  const act = async (item: string, intent: string): Promise<Charge> => {
    const charge = await intend(c, intent, () => remote.act(c.cell, item));
    got.push(charge);
    return charge;
  };
  const goesOn = told();
  setHandler(pay, async (item, intent) => void (await act(item, intent)));
  setHandler(payNow, act);
  await act('main', 'main');
  await goesOn;
  await condition(allHandlersFinished);
  return got;
}

/** As the next version has it, but without its additions. */
export async function changing(c: Case): Promise<Charge[]> {
  return [
    await intend(c, 'alpha', () => remote.act(c.cell, 'alpha')),
    await intend(c, 'beta', () => remote.act(c.cell, 'beta')),
  ];
}

/** Fails its workflow task once, between calls and after a local activity. */
export async function stumbles(c: Case): Promise<Charge[]> {
  const got = [
    await intend(c, 'a1', () => remote.act(c.cell, 'a')),
    await intend(c, 'b', () => local.act(c.cell, 'b')),
  ];
  // A plain error fails the task, not the workflow: what the task did is forgotten, and done again.
  if (await local.once(c.cell, 'stumble')) throw new Error('a bug that goes away');
  return [...got, await intend(c, 'a2', () => remote.act(c.cell, 'a'))];
}

/** A child with the id that the SDK gives it. */
export async function parent(c: Case): Promise<Charge[]> {
  return executeChild(one, { args: [within(c, 'child')] });
}

/** A child that fails once and is retried. */
export async function parentOfRetried(c: Case): Promise<Charge[]> {
  return executeChild(failsOnce, {
    args: [within(c, 'child')],
    retry: { initialInterval: '100ms', maximumAttempts: 3 },
  });
}

/** A child that waits. */
export async function parentOfWaiting(c: Case): Promise<Charge[]> {
  return executeChild(waiting, { args: [within(c, 'child')] });
}

/** Has its effect, and then fails as long as it is told so. */
export async function failingChild(c: Case): Promise<Charge[]> {
  const charge = await intend(c, 'open', () => remote.act(c.cell, 'open'));
  if (await local.once(c.cell, 'child')) throw ApplicationFailure.nonRetryable('the child fails');
  return [charge];
}

/** An equal child in each run, and one that failed in the first and is started again in the second. */
export async function parentContinues(c: Case, run = 1, got: Charge[] = []): Promise<Charge[]> {
  got = [...got, ...(await executeChild(one, { args: [within(c, `each-${run}`)] }))];
  const again = (): Promise<Charge[]> => executeChild(failingChild, { args: [within(c, 'open')] });
  if (run === 2) return [...got, ...(await again())];
  await again().catch(() => undefined);
  return continueAsNew<typeof parentContinues>(c, 2, got);
}
