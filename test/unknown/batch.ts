/** One kill: a worker with some intents under way, and the worker that comes after it. */
import { Limit } from './limit';
import type { Stage } from './stage';
import { times } from './terms';
import type { Trial } from './trial';

/** Whose worker loses its settlements, and the others: they cannot share one. */
export type Group = 'probe' | 'history' | 'hold' | 'evidence';

/** Runs the trials to their end. Never throws: what goes wrong is a problem of its trials. */
export async function runBatch(stage: Stage, group: Group, trials: readonly Trial[]): Promise<void> {
  const batch = ++stage.kills;
  for (const trial of trials) trial.batch = batch;
  try {
    await killAndSucceed(stage, group, trials);
  } catch (error) {
    for (const trial of trials) {
      trial.problem(error);
      trial.isStuck = true;
    }
    await Promise.all(trials.map((trial) => trial.giveUp()));
  }
}

/** Kills must hit what they are meant to: a process that starts takes the time of one that works. */
const killing = new Limit(2);

async function killAndSucceed(stage: Stage, group: Group, trials: readonly Trial[]): Promise<void> {
  const isHistory = group === 'history';
  const taskQueue = stage.newQueue();
  // There the first call is over when the worker dies; only the second one is left for those that come after.
  const nextQueue = isHistory ? stage.newQueue() : taskQueue;
  const leaseMs = isHistory ? times.historyLeaseMs : times.leaseMs;
  await killing.run(async () => {
    const kill = await stage.startVictim({ taskQueue, leaseMs, losesSettlements: isHistory });
    await Promise.all(trials.map((trial) => trial.start(taskQueue, nextQueue)));
    await Promise.all(trials.map((trial) => trial.isThere()));
    const killedAt = await kill();
    await Promise.all(trials.map((trial) => trial.lookAtRemains(killedAt)));
  });
  for (const { account } of trials)
    if (account.fate === 'on-the-wire') account.arrive(Math.random() * times.mostWireMs);
  const stop = await stage.startSuccessor(nextQueue, leaseMs);
  await Promise.all(trials.map((trial) => trial.toTheEnd()));
  await stop();
}
