/** What is measured, how a cell is judged, and how the table is printed. */
import type { Workflow } from '@temporalio/client';

import type { CellRun } from './cell-run';

/** Guarded with derived ids, guarded with explicit ids, and without a guard by Temporal's advice. */
export const columns = ['derived', 'explicit', 'recipe'] as const;
export type Column = (typeof columns)[number];

/** An effect, as the provider returns it. */
export interface Charge {
  readonly id: string;
  readonly item: string;
}

/** An effect, as the provider booked it. */
export interface Booking extends Charge {
  /** What the provider was handed to tell this effect by. */
  readonly key: string;
}

/** One row: an event, and the intents that the workflow has whatever the event does. */
export interface Scenario {
  readonly row: string;
  /** How many intents there are of each item; equal calls have the same item. */
  readonly intents: Readonly<Record<string, number>>;
  readonly workflow: Workflow;
  /** The advice is known to break here: if it does not, the row does not do what it says. */
  readonly breaksRecipe?: true;
  /** Makes the event happen. Gives what each run got that has a result: all the charges of all intents. */
  readonly drive: (run: CellRun) => Promise<readonly (readonly Charge[])[]>;
}

/** What was seen in one cell. */
export interface Outcome {
  readonly row: string;
  readonly column: Column;
  readonly intents: number;
  readonly effects: number;
  /** Effects beyond one for each intent, and intents without one. */
  readonly doubled: number;
  readonly lost: number;
  /** Everything that is not as it must be; empty when the cell is right. */
  readonly problems: readonly string[];
  /** False when the event could not be made to happen, or the workflow did not end. */
  readonly measured: boolean;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const idsOf = (charges: readonly Charge[], item: string): string[] =>
  charges
    .filter((charge) => charge.item === item)
    .map(({ id }) => id)
    .sort();

function problemsOf(
  item: string,
  wanted: number,
  booked: Booking[],
  results: readonly (readonly Charge[])[],
) {
  const problems: string[] = [];
  const ofItem = booked.filter((booking) => booking.item === item);
  if (ofItem.length !== wanted) problems.push(`${item}: ${ofItem.length} effects for ${wanted} intents`);
  const keys = new Set(ofItem.map(({ key }) => key)).size;
  if (keys !== ofItem.length) problems.push(`${item}: ${ofItem.length} effects under ${keys} ids`);
  const charged = idsOf(booked, item).join();
  for (const [i, result] of results.entries()) {
    const got = idsOf(result, item).join();
    if (got !== charged) problems.push(`${item}: result ${i + 1} has ${got}, the provider ${charged}`);
  }
  return problems;
}

/** Each intent has one effect, under an id of its own, and every result consists of exactly those effects. */
export function judge(
  { row, intents }: Pick<Scenario, 'row' | 'intents'>,
  column: Column,
  booked: Booking[],
  results: readonly (readonly Charge[])[],
): Outcome {
  const items = [...new Set([...Object.keys(intents), ...[booked, ...results].flat().map((c) => c.item)])];
  const surplus = items.map((item) => idsOf(booked, item).length - (intents[item] ?? 0));
  const problems = items.flatMap((item) => problemsOf(item, intents[item] ?? 0, booked, results));
  if (results.length === 0) problems.push('no result was seen');
  return {
    row,
    column,
    intents: sum(Object.values(intents)),
    effects: booked.length,
    doubled: sum(surplus.filter((n) => n > 0)),
    lost: -sum(surplus.filter((n) => n < 0)),
    problems,
    measured: true,
  };
}

/** A cell as text: effects against intents, and what that hides. */
function show({ effects, intents, doubled, lost, problems, measured }: Outcome): string {
  if (!measured) return `${effects}/${intents} not measured`;
  if (problems.length === 0) return `${effects}/${intents}`;
  if (doubled > 0 && lost > 0) return `${effects}/${intents} +${doubled} -${lost}`;
  if (doubled > 0) return `${effects}/${intents} double`;
  return lost > 0 ? `${effects}/${intents} lost` : `${effects}/${intents} wrong result`;
}

const legend =
  'Cells: effects that the provider counted / intents. derived and explicit: the provider ignores keys; recipe: it honours the key <run id>-<activity id>.';

/** The matrix as aligned plain text. */
export function table(rows: readonly string[], outcomes: readonly Outcome[]): string {
  const of = (row: string, column: Column) => outcomes.find((o) => o.row === row && o.column === column);
  const cell = (outcome: Outcome | undefined): string => (outcome ? show(outcome) : '-');
  const totals = columns.map((column) => {
    const all = outcomes.filter((outcome) => outcome.column === column);
    const effects = sum(all.map((o) => o.effects));
    return `${effects}/${sum(all.map((o) => o.intents))}, ${all.filter((o) => o.problems.length === 0).length} of ${all.length} right`;
  });
  const lines = [
    ['event', ...columns],
    ...rows.map((row) => [row, ...columns.map((column) => cell(of(row, column)))]),
    ['total', ...totals],
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const text = lines.map((line) => line.map((value, i) => value.padEnd(widths[i] ?? 0)).join('  '));
  const rule = '-'.repeat(text[0]?.length ?? 0);
  return [text[0], rule, ...text.slice(1, -1), rule, text.at(-1), legend]
    .map((line) => line?.trimEnd())
    .join('\n');
}
