/** Workers are killed between the effect and its receipt, and what became of it is found out: by probes, Temporal's history, people and webhooks. */
import { writeFile } from 'node:fs/promises';

import { runCampaign } from './campaign';
import { persons } from './scenarios';
import { Stage } from './stage';
import { summary, table, tally, type Tally } from './tally';
import { rows, type Trial } from './trial';

/** Trials of each policy. */
const count = Number(process.env['UNKNOWN_TRIALS'] ?? 15);
const longestRunMs = 180_000 + count * 6000;
/** With fewer trials it is chance whether somebody asks before the search has caught up, and one slow kill is many. */
const isShort = count < 100;
/** On a busy machine a kill can come too late for what it was meant to hit. */
const leastAsMeant = isShort ? 0.5 : 0.9;

let trials: readonly Trial[] = [];
let tallied: Tally;

beforeAll(async () => {
  const stage = await Stage.start();
  try {
    trials = await runCampaign(stage, count);
  } finally {
    await stage.stop();
  }
  tallied = tally(trials);
  process.stdout.write(`\n${table(stage, trials, count)}\n\n`);
  const json = JSON.stringify(summary(stage, trials, count));
  const path = process.env['UNKNOWN_JSON'];
  if (path === '-') process.stdout.write(`${json}\n`);
  else if (path) await writeFile(path, `${json}\n`);
}, longestRunMs);

describe.each(rows)('%s', (row) => {
  it('has one effect for each intent, and everybody gets its outcome', () => {
    const wrong = trials.filter(({ scenario, problems }) => scenario.row === row && problems.length > 0);
    expect(wrong.map(({ intent, problems }) => [intent, problems])).toEqual([]);
  });

  it('was tried, between the effect and its receipt', () => {
    const { trials: meant, notAsMeant, resolved } = tallied[row];
    expect(meant / (meant + notAsMeant)).toBeGreaterThanOrEqual(leastAsMeant);
    expect(resolved).toBe(meant);
  });
});

describe('what would make the campaign easy', () => {
  it('is not so: the search misled probes and persons', () => {
    const least = isShort ? 0 : 1;
    expect(tallied.probe.misled).toBeGreaterThanOrEqual(least);
    expect(tallied['probe, on the wire'].misled).toBeGreaterThanOrEqual(least);
    expect(Math.min(persons.refusedEarly, persons.refusedStale)).toBeGreaterThanOrEqual(least);
  });

  it('is not so: persons listed, decided everything that they can, and raced', () => {
    expect(tallied.hold.listed).toBe(tallied.hold.trials);
    const { committed, compensated, notCommitted, races, racesWonByOne } = persons;
    expect(Math.min(committed, compensated, notCommitted, races)).toBeGreaterThan(0);
    expect(racesWonByOne).toBe(races);
  });
});
