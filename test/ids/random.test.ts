/** Random workflows with random faults, signals and resets, on a real server: each intent has one effect. */
import fc from 'fast-check';

import { within } from '../../src/testing/bounded';
import { CellRun } from './cell-run';
import { judge, type Column } from './matrix';
import { countCalls, intentsOf, programs, type Program } from './program';
import { ofReplaced, ProgramRun } from './program-run';
import { Stage } from './stage';
import { program as workflow } from './program-workflow';

const seed = Number(process.env['IDS_SEED'] ?? Date.now() % 1_000_000);
const count = Number(process.env['IDS_PROGRAMS'] ?? 25);

const atOnce = 20;
const longestProgramMs = 90_000;
/** Smaller programs that fail as well are looked for no longer than this. */
const longestShrinkMs = 120_000;
const longestRunMs = 120_000 + count * 6000;
/** A new worker knows no workflow: it replays each from its start. */
const replacedMs = 4000;

const seen = { programs: 0, calls: 0, effects: 0, resets: 0 };
let stage: Stage;
let cells = 0;
let replacing: NodeJS.Timeout;
let replaced: Promise<void> = Promise.resolve();

beforeAll(async () => {
  stage = await Stage.start();
  const startWorker = () => stage.startWorker('derived', stage.taskQueue('derived', ofReplaced));
  let stopLast = await startWorker();
  const replace = async (): Promise<void> => {
    const stopOld = stopLast;
    stopLast = await startWorker();
    await stopOld();
  };
  replacing = setInterval(() => void (replaced = replaced.then(replace)), replacedMs);
});
afterAll(async () => {
  clearInterval(replacing);
  await replaced;
  // The last one goes on if the search for a smaller one was out of time.
  await Promise.all([...underWay].map(({ run, end }) => run.giveUp(end)));
  await stage.stop();
  process.stdout.write(
    `\nrandom workflows (IDS_SEED=${seed}, IDS_PROGRAMS=${count}): ${JSON.stringify(seen)}\n\n`,
  );
});

interface Running {
  readonly run: CellRun;
  readonly end: Promise<unknown>;
}

const underWay = new Set<Running>();

/** What is wrong with a program's effects and results. */
async function problemsOf(program: Program, column: Column): Promise<readonly string[]> {
  const run = new CellRun(stage, column, workflow, `random ${++cells}`);
  const running = { run, end: new ProgramRun(run, program).toTheEnd() };
  underWay.add(running);
  try {
    const ran = await within(longestProgramMs, run.cell, running.end);
    const declines = (item: 'a' | 'b'): number =>
      program.faults[item].filter((fault) => fault === 'decline').length - run.account.left(item, 'decline');
    const intents = intentsOf(program, { a: declines('a'), b: declines('b') });
    seen.programs++;
    seen.calls += countCalls(program);
    seen.effects += run.account.booked.length;
    seen.resets += ran.resets;
    return judge({ row: run.cell, intents }, column, run.account.booked, ran.results).problems;
  } catch (error) {
    await run.giveUp(running.end);
    return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
  } finally {
    underWay.delete(running);
  }
}

interface Failing {
  readonly program: Program;
  readonly column: Column;
  readonly problems: readonly string[];
}

/** Runs every program with derived ids and with explicit ones, some at a time. */
async function runAll(): Promise<Failing[]> {
  const failing: Failing[] = [];
  const all = fc
    .sample(programs, { seed, numRuns: count })
    .flatMap((program) => [
      { program, column: 'derived' } as const,
      { program, column: 'explicit' } as const,
    ]);
  const next = async (): Promise<void> => {
    for (let cell = all.shift(); cell; cell = all.shift()) {
      const problems = await problemsOf(cell.program, cell.column);
      if (problems.length > 0) failing.push({ ...cell, problems });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return failing;
}

it(
  'each intent has one effect, with derived and with explicit ids, whatever happens',
  async () => {
    const failing = await runAll();
    const [first] = failing;
    if (!first) return;
    // The smallest that fails is easier to understand than the one that was found.
    await fc.assert(
      fc.asyncProperty(programs, async (program) =>
        expect(await problemsOf(program, first.column)).toEqual([]),
      ),
      {
        examples: failing.filter(({ column }) => column === first.column).map(({ program }) => [program]),
        numRuns: failing.length,
        interruptAfterTimeLimit: longestShrinkMs,
        markInterruptAsFailure: true,
      },
    );
    throw new Error(`failed once, and not again: ${JSON.stringify(failing)}`);
  },
  longestRunMs + longestShrinkMs,
);
