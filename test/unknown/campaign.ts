/** All trials, in batches of one kill each, some batches at a time. */
import { runBatch, type Group } from './batch';
import { evidenceScenarios } from './evidence-scenarios';
import { held, ofHistory, probed, probedLost, probedOnTheWire } from './scenarios';
import type { Stage } from './stage';
import { Trial, type Scenario } from './trial';

/** How many intents are under way at each kill, in turn. */
const sizes = [8, 7, 1, 4, 6, 2, 5, 3] as const;
/** Most of their time they wait, but not for ever on persons who have too much to do. */
const batchesAtOnce = 8;

const repeat = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n));

/** The scenarios of each group; `trials` of each policy. */
function scenariosOf(trials: number): Record<Group, Scenario[]> {
  const fourth = Math.ceil(trials / 4);
  const each = Math.max(2, Math.ceil(trials / 10));
  const probes = [
    ...repeat(trials, () => probed),
    ...repeat(fourth, () => probedOnTheWire),
    ...repeat(fourth, () => probedLost),
  ];
  return {
    evidence: repeat(each, () => evidenceScenarios).flat(),
    hold: repeat(trials, held),
    // All kinds in one batch.
    probe: probes
      .map((scenario) => ({ scenario, at: Math.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ scenario }) => scenario),
    history: repeat(trials, () => ofHistory),
  };
}

/** In which part of the campaign a group is killed: who waits for persons takes longer. */
const within: Record<Group, number> = { evidence: 0.3, hold: 1, probe: 1, history: 1 };

interface Batch {
  readonly group: Group;
  readonly trials: readonly Trial[];
}

function batchesOf(stage: Stage, group: Group, scenarios: readonly Scenario[]): Batch[] {
  const trials = scenarios.map((scenario, n) => new Trial(stage, scenario, `${group}:${n}`));
  const batches: Batch[] = [];
  for (let from = 0; from < trials.length; ) {
    const size = sizes[batches.length % sizes.length] ?? 1;
    batches.push({ group, trials: trials.slice(from, from + size) });
    from += size;
  }
  return batches;
}

/** Runs all, and gives the trials as they ended. */
export async function runCampaign(stage: Stage, trials: number): Promise<readonly Trial[]> {
  const groups = Object.entries(scenariosOf(trials)) as [Group, Scenario[]][];
  const queues = groups.map(([group, scenarios]) => batchesOf(stage, group, scenarios));
  const all = queues.flat().flatMap((batch) => batch.trials);
  // Mixed, so that every kill meets survivors of the other policies.
  const rest = queues
    .flatMap((queue) => queue.map((batch, n) => ({ batch, at: (n / queue.length) * within[batch.group] })))
    .sort((a, b) => a.at - b.at)
    .map(({ batch }) => batch);
  const lane = async (): Promise<void> => {
    for (let batch = rest.shift(); batch; batch = rest.shift())
      await runBatch(stage, batch.group, batch.trials);
  };
  await Promise.all(repeat(batchesAtOnce, lane));
  return all;
}
