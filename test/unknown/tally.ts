/** What the campaign came to: per row, as a table, and as JSON. */
import type { Stage } from './stage';
import { persons } from './scenarios';
import { times } from './terms';
import { rows, type Row, type Trial } from './trial';

/** The figures of one row. */
export interface RowTally {
  /** At whose kill the effect and the receipt were as meant. */
  readonly trials: number;
  /** The others: they count for nothing but safety. */
  readonly notAsMeant: number;
  readonly kills: number;
  /** The workflow got what it has to get. */
  readonly resolved: number;
  readonly stuck: number;
  readonly effectsPerIntent: number;
  /** Effects beyond one for each intent, also of those that were not as meant; and intents without one. */
  readonly doubled: number;
  readonly lost: number;
  /** From the kill to the receipt's settlement. */
  readonly medianMs: number | undefined;
  readonly p99Ms: number | undefined;
  /** How often the search said "no" although it had happened, or was to happen. */
  readonly misled: number;
  readonly listed: number;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** The smallest that `share` of them do not exceed. */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

export function tallyOf(all: readonly Trial[]): RowTally {
  const meant = all.filter((trial) => trial.wasAsMeant);
  const effectsOf = (some: readonly Trial[]): number[] => some.map(({ account }) => account.effects);
  const took = meant.flatMap(({ resolvedMs }) => resolvedMs ?? []);
  return {
    trials: meant.length,
    notAsMeant: all.length - meant.length,
    kills: new Set(all.map(({ batch }) => batch)).size,
    resolved: meant.filter(({ problems }) => problems.length === 0).length,
    stuck: all.filter(({ isStuck }) => isStuck).length,
    effectsPerIntent: sum(effectsOf(meant)) / (meant.length || 1),
    doubled: sum(effectsOf(all).map((n) => Math.max(0, n - 1))),
    lost: effectsOf(meant).filter((n) => n === 0).length,
    medianMs: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    misled: sum(all.map(({ account }) => account.misleading)),
    listed: meant.filter(({ isListed }) => isListed).length,
  };
}

/** By row. */
export type Tally = Record<Row, RowTally>;

export const tally = (all: readonly Trial[]): Tally =>
  Object.fromEntries(
    rows.map((row) => [row, tallyOf(all.filter(({ scenario }) => scenario.row === row))]),
  ) as Tally;

/** For programs. */
export function summary(stage: Stage, all: readonly Trial[], count: number): object {
  const t = tally(all);
  const { contested, early, late, forged } = t;
  return {
    trials: count,
    kills: stage.kills,
    times,
    policies: {
      probe: t.probe,
      probeOnTheWire: t['probe, on the wire'],
      probeLost: t['probe, lost'],
      history: t.history,
      hold: t.hold,
      evidence: { contested, early, late, forged },
    },
    persons: { ...persons, commands: stage.operator.commands },
  };
}

const seconds = (ms: number | undefined): string => (ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`);

const columns: readonly (readonly [title: string, cell: (row: RowTally) => string | number])[] = [
  ['trials', (r) => r.trials],
  ['kills', (r) => r.kills],
  ['resolved', (r) => r.resolved],
  ['stuck', (r) => r.stuck],
  ['effects/intent', (r) => r.effectsPerIntent.toFixed(3)],
  ['double', (r) => r.doubled],
  ['none', (r) => r.lost],
  ['median', (r) => seconds(r.medianMs)],
  ['p99', (r) => seconds(r.p99Ms)],
  ['search misled', (r) => r.misled],
  ['not as meant', (r) => r.notAsMeant],
];

/** For people. */
export function table(stage: Stage, all: readonly Trial[], count: number): string {
  const { leaseMs, historyLeaseMs, graceMs, mostLagMs, mostWireMs } = times;
  const t = tally(all);
  const lines = [
    ['killed', ...columns.map(([title]) => title)],
    ...rows.map((row) => [row, ...columns.map(([, cell]) => String(cell(t[row])))]),
  ];
  const widths = [0, ...columns.map((_, i) => i + 1)].map((i) =>
    Math.max(...lines.map((line) => line[i]?.length ?? 0)),
  );
  const text = lines.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  const {
    committed,
    compensated,
    notCommitted,
    refusedEarly,
    refusedStale,
    refusedChanged,
    races,
    racesWonByOne,
  } = persons;
  return [
    `unknown outcomes: UNKNOWN_TRIALS=${count}, ${stage.kills} kills (SIGKILL) with 1 to 8 intents each`,
    `lease ${leaseMs} ms (history: ${historyLeaseMs}), grace ${graceMs} ms; effects are found up to ${mostLagMs} ms late, requests arrive up to ${mostWireMs} ms after the kill`,
    '',
    ...text,
    '',
    'median, p99: from the kill to the settled receipt; from hold on also the time that persons and reports of the campaign take',
    `hold: ${t.hold.listed} of ${t.hold.trials} listed by the command line`,
    `persons, with ${stage.operator.commands} commands: ${committed} committed, ${compensated} compensated, ${notCommitted} not committed; refused: ${refusedEarly} that said "not committed" too early, ${refusedStale} that had looked too early, ${refusedChanged} with an old token; ${racesWonByOne} of ${races} pairs with one token had one winner`,
  ].join('\n');
}
