/** Which events leave a call's identity alone, measured on a real Temporal server: effects against intents. */
import { writeFile } from 'node:fs/promises';

import { within } from '../../src/testing/bounded';
import { CellRun } from './cell-run';
import { columns, judge, table, type Column, type Outcome, type Scenario } from './matrix';
import { historyOf, scenarios } from './scenarios';
import { Stage } from './stage';

const rows = scenarios.map(({ row }) => row);

/** The documented limits of the advice: these rows must not lose their mark, nor get lost. */
const knownToBreakTheRecipe = [
  'workflow reset to the first workflow task',
  'workflow retry',
  'parent reset after its child',
  'local activity retried after a timer of the workflow',
  "the workflow's own retry loop",
];

const atOnce = 12;
const longestCellMs = 60_000;
/** No cell begins after this time: what is missing then fails. */
const lastBeginMs = 120_000;
const longestMatrixMs = 240_000;

const outcomes: Outcome[] = [];
const outcomeOf = (row: string, column: Column): Outcome | undefined =>
  outcomes.find((outcome) => outcome.row === row && outcome.column === column);

async function measure(stage: Stage, scenario: Scenario, column: Column): Promise<Outcome> {
  const run = new CellRun(stage, column, scenario.workflow, scenario.row);
  const driven = scenario.drive(run);
  try {
    const results = await within(longestCellMs, run.cell, driven);
    if (run.account.unmet > 0) throw new Error('a fault was never met');
    if (column === 'derived') await run.record(historyOf(scenario.row));
    return judge(scenario, column, run.account.booked, results);
  } catch (error) {
    await run.giveUp(driven);
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...judge(scenario, column, run.account.booked, []), problems: [why], measured: false };
  }
}

/** Measures all cells, some at a time. */
async function measureAll(stage: Stage): Promise<void> {
  const cells = scenarios.flatMap((scenario) => columns.map((column) => ({ scenario, column })));
  const end = performance.now() + lastBeginMs;
  const next = async (): Promise<void> => {
    for (let cell = cells.shift(); cell && performance.now() < end; cell = cells.shift()) {
      outcomes.push(await measure(stage, cell.scenario, cell.column));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
}

beforeAll(async () => {
  const stage = await Stage.start();
  try {
    await measureAll(stage);
  } finally {
    await stage.stop();
  }
}, longestMatrixMs);

afterAll(async () => {
  process.stdout.write(`\n${table(rows, outcomes)}\n\n`);
  const path = process.env['MATRIX_JSON'];
  if (path) await writeFile(path, `${JSON.stringify(outcomes, null, 2)}\n`);
});

describe.each(rows)('%s', (row) => {
  it.each(['derived', 'explicit'] as const)('each intent has one effect: %s ids', (column) => {
    expect(outcomeOf(row, column)?.problems).toEqual([]);
  });
});

describe('the advice of run id and activity id, for comparison', () => {
  it('is measured in every row', () => {
    const missing = rows.map((row) => outcomeOf(row, 'recipe')).filter((outcome) => !outcome?.measured);
    expect(missing).toEqual([]);
  });

  it.each(scenarios.filter((s) => s.breaksRecipe).map((s) => s.row))('breaks: %s', (row) => {
    expect(outcomeOf(row, 'recipe')?.doubled).toBeGreaterThan(0);
  });

  it('is compared where it is known to break', () => {
    const marked = scenarios.filter((s) => s.breaksRecipe).map((s) => s.row);
    expect(marked).toEqual(expect.arrayContaining(knownToBreakTheRecipe));
  });

  it('no two rows share a name', () => {
    expect(new Set(rows).size).toBe(rows.length);
  });
});
