/** `npm run proof`: the crash matrix. */
import { start } from '../../bench/command';
import { cells, type Cell } from './cells';
import { writeDocs } from './docs';
import { parseOptions, usage, type Options } from './options';
import { faultOf, type CellResult } from './result';
import { runMatrix } from './run';
import { peerSystems } from './peers/systems';
import { temporalSystems, type System } from './systems';
import { textOf } from './table';
import { pace } from './terms';
import { World } from './world';

const systems: readonly System[] = [...temporalSystems, ...peerSystems];
const names = { systems: systems.map(({ name }) => name), cells: cells.map(({ name }) => name) };

/** With the seconds since the start. */
const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`);

/** When a row was taken, and how. */
export interface Run {
  readonly startedAt: string;
  readonly trials: number;
  readonly seed: number;
  /** By how much its times were longer than usual. */
  readonly pace: number;
}

/** What a run found; the JSON. */
export interface Report {
  readonly seconds: number;
  readonly systems: readonly (Pick<System, 'name' | 'title' | 'isOurs' | 'setUp' | 'mayRepeat'> & {
    readonly run: Run;
  })[];
  readonly cells: readonly Pick<Cell, 'name' | 'title' | 'about'>[];
  readonly results: readonly CellResult[];
  /** What is wrong with ours. */
  readonly broken: readonly string[];
}

async function run(options: Options): Promise<Report> {
  const { trials, seed } = options;
  const taken: Run = { startedAt: new Date().toISOString(), trials, seed, pace };
  const chosen = systems.filter(
    ({ name, isOurs }) => options.systems?.includes(name) ?? (isOurs || !options.short),
  );
  const chosenCells = cells.filter(({ name }) => options.cells?.includes(name) ?? true);
  say('starting the servers');
  const world = await World.start(chosen);
  try {
    const results = await runMatrix({ world, systems: chosen, cells: chosenCells, trials, seed, say });
    const broken = results.flatMap((result) => {
      const system = chosen.find(({ name }) => name === result.system);
      return (system && faultOf(system, result)) ?? [];
    });
    return {
      seconds: Math.round(performance.now() / 1000),
      systems: chosen.map(({ name, title, isOurs, setUp, mayRepeat }) => ({
        ...{ name, title, isOurs, setUp, mayRepeat, run: taken },
      })),
      cells: chosenCells.map(({ name, title, about }) => ({ name, title, about })),
      ...{ results, broken },
    };
  } finally {
    await world.stop();
  }
}

async function main(options: Options): Promise<number> {
  const report = await run(options);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : `${textOf(report)}\n`);
  if (options.docs) writeDocs(report, names.systems);
  for (const line of report.broken) say(`BROKEN ${line}`);
  return report.broken.length === 0 ? 0 : 1;
}

start({ usage: usage(names), parse: (args) => parseOptions(args, names), run: main });
