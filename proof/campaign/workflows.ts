/** The workflow of the campaign: some intents side by side, each called until it has an outcome. */
import { ActivityFailure, ApplicationFailure, proxyActivities, sleep } from '@temporalio/workflow';

import type { Activities } from './activities';
import { times } from './terms';
import type { Answer, WorkflowKind } from './terms';

export interface Task {
  readonly kind: WorkflowKind;
  readonly intent: string;
}

/** Fewer attempts than a long fault takes: then the workflow calls again, as its own loop would. */
const activities = proxyActivities<Activities>({
  startToCloseTimeout: times.attemptMs,
  retry: { initialInterval: '300ms', backoffCoefficient: 1.5, maximumInterval: '2s', maximumAttempts: 4 },
});

const mostCalls = 200;

async function untilAnswered({ kind, intent }: Task): Promise<Answer> {
  for (let call = 1; ; call++) {
    try {
      return { ok: true, result: await activities[kind](intent) };
    } catch (error) {
      const cause = error instanceof ActivityFailure ? error.cause : undefined;
      if (!(cause instanceof ApplicationFailure) && !(error instanceof ActivityFailure)) throw error;
      const type = cause instanceof ApplicationFailure ? cause.type : undefined;
      if (type === 'Declined') return { ok: false, type };
      if (call === mostCalls || type === 'RequestIdReused' || type === 'InvalidRequest') throw error;
      await sleep(300);
    }
  }
}

export const work = (tasks: readonly Task[]): Promise<Answer[]> => Promise.all(tasks.map(untilAnswered));
