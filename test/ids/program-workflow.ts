/** Does what a random program says. */
import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  executeChild,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';

import { backingOff, intend, local, remote, single, within, type Case } from './intents';
import type { Charge } from './matrix';
import type { CallStep, Plan, Step } from './program';

export const tell = defineSignal<[which: number]>('tell');
export const progress = defineQuery<number>('progress');

const activities = { remote, single, local, backingOff };
const mostTries = 50;

/** Charges, or none for a call that was declined; `undefined` where nobody can tell yet. */
type Answer = Charge[] | undefined;

const isDeclined = (error: unknown): boolean => {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof ApplicationFailure && cause.type === 'Declined') return true;
  return false;
};

const answerTo = (call: Promise<Charge>): Promise<Answer> =>
  call.then(
    (charge) => [charge],
    (error: unknown) => (isDeclined(error) ? [] : undefined),
  );

/** Makes a call, or starts a child, until there is an answer. */
async function untilAnswered(attempt: () => Promise<Answer>): Promise<Charge[]> {
  for (let i = 0; i < mostTries; i++) {
    const answer = await attempt();
    if (answer) return answer;
    await sleep('100ms');
  }
  throw ApplicationFailure.nonRetryable('there was never an answer');
}

function callOf(c: Case, { item, by, gives }: CallStep, name: string): Promise<Charge[]> {
  const call = (): Promise<Charge> => intend(c, name, () => activities[by].act(c.cell, item));
  let isFirst = gives !== undefined;
  return untilAnswered(async () => {
    if (!isFirst) return answerTo(call());
    isFirst = false;
    const scope = new CancellationScope();
    const answer = answerTo(scope.run(call));
    await Promise.race([answer, sleep('100ms')]);
    if (gives === 'up') scope.cancel();
    return answer;
  });
}

function childOf(c: Case, step: Step & { do: 'child' }, name: string): Promise<Charge[]> {
  const args = [within(c, `${c.scope ?? ''}/${name}`), { runs: [step.steps], told: [] }] as const;
  const retry = { initialInterval: '100ms', maximumAttempts: 20 };
  return untilAnswered(() =>
    executeChild(program, { args: [...args], ...(step.isRetried ? { retry } : {}) }).catch(() => undefined),
  );
}

const isStartedAgain = (): boolean => Boolean(workflowInfo().retryPolicy ?? workflowInfo().parent);

async function perform(c: Case, step: Step, name: string): Promise<Charge[]> {
  switch (step.do) {
    case 'call':
      return callOf(c, step, name);
    case 'pause':
      await sleep('50ms');
      return [];
    case 'stumble':
      // A local activity of a task that fails is forgotten, too.
      if (await local.once(c.cell, name)) throw new Error('a bug that goes away');
      return [];
    case 'fail':
      if (isStartedAgain() && (await remote.once(c.cell, name)))
        throw ApplicationFailure.retryable('the run fails');
      return [];
    case 'sideBySide':
      return (
        await Promise.all(step.branches.map((steps, i) => performAll(c, steps, `${name}.${i}`)))
      ).flat();
    case 'child':
      return childOf(c, step, name);
  }
}

async function performAll(c: Case, steps: readonly Step[], name: string): Promise<Charge[]> {
  const got: Charge[] = [];
  for (const [i, step] of steps.entries()) got.push(...(await perform(c, step, `${name}.${i}`)));
  return got;
}

export async function program(c: Case, plan: Plan, run = 0, got: Charge[] = []): Promise<Charge[]> {
  const heard: Promise<Charge[]>[] = [];
  setHandler(tell, async (which) => {
    const doing = performAll(c, plan.told[which] ?? [], `told ${which}`);
    heard.push(doing);
    await doing;
  });
  setHandler(progress, () => heard.length);
  const own = await performAll(c, plan.runs[run] ?? [], `run ${run}`);
  await condition(() => run > 0 || heard.length === plan.told.length);
  const all = [...got, ...own, ...(await Promise.all(heard)).flat()];
  if (run + 1 < plan.runs.length) await continueAsNew<typeof program>(c, plan, run + 1, all);
  return all;
}
