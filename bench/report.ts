/** The one object that a run ends in, and the tables made of it. */
import type { Machine } from './machine';
import type { Spread } from './measure';
import { figure, range, type Table } from './table';
import type { Effort, Findings, RatioName, Workload } from './workload';

/** What became of a workload. */
export interface Outcome {
  readonly workload: Workload;
  readonly findings?: Findings;
  readonly error?: unknown;
}

/** What `--json` prints. */
export interface Report {
  readonly bench: 'activity-guard';
  readonly mode: 'full' | 'quick';
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly effort: Effort;
  /** Medians; `null` where the workload did not run. */
  readonly ratios: Record<RatioName, number | null>;
  readonly ratioSpreads: Partial<Record<RatioName, Spread>>;
  /** By workload. */
  readonly results: Record<string, unknown>;
  readonly errors: Record<string, string>;
  readonly tables: readonly Table[];
}

const ratioMeanings: Record<RatioName, string> = {
  fresh_c1: 'new intents, c = 1, `pg`: ours / two bare commits',
  fresh_c32: 'new intents, c = 32, `pg`: ours / two bare commits',
  fresh_c1024: 'new intents, c = 1024, `pg`: ours / two bare commits',
  replay_c32: 'replays, c = 32, `pg`: ours / a bare read by primary key',
  temporal_throughput: 'remote activities through Temporal: guarded / bare',
  temporal_added_p50_ms: 'milliseconds added to the median remote activity',
};
const ratioNames = Object.keys(ratioMeanings) as RatioName[];

export function reportOf({
  outcomes,
  effort,
  ...rest
}: Pick<Report, 'effort' | 'machine' | 'startedAt' | 'seconds'> & {
  readonly outcomes: readonly Outcome[];
}): Report {
  const ratioSpreads = Object.assign(
    {},
    ...outcomes.map(({ findings }) => findings?.ratios ?? {}),
  ) as Partial<Record<RatioName, Spread>>;
  const medians = ratioNames.map((name) => [name, ratioSpreads[name]?.median ?? null]);
  const done = outcomes.flatMap(({ workload, findings }) => (findings ? [{ workload, findings }] : []));
  const failed = outcomes.filter(({ findings }) => findings === undefined);
  return {
    ...{ bench: 'activity-guard', mode: effort.quick ? 'quick' : 'full', effort, ...rest },
    ratios: Object.fromEntries(medians) as Report['ratios'],
    ratioSpreads,
    results: Object.fromEntries(done.map(({ workload, findings }) => [workload.name, findings.data])),
    errors: Object.fromEntries(
      failed.map(({ workload, error }) => [
        workload.name,
        error instanceof Error ? error.message : String(error),
      ]),
    ),
    tables: [machineTable(rest.machine), ratioTable(ratioSpreads), ...done.flatMap((d) => d.findings.tables)],
  };
}

function ratioTable(found: Report['ratioSpreads']): Table {
  return {
    title: 'In short',
    columns: ['', 'median (least–most) over rounds'],
    rows: ratioNames.map((name) => [ratioMeanings[name], found[name] ? range(found[name]) : 'not run']),
  };
}

/** What a run was taken on. */
export function machineTable(machine: Machine): Table {
  const { postgres, fdatasyncMs, processor, cores, memoryGb, system, node, loadBefore, commit } = machine;
  return {
    title: 'The machine',
    columns: ['', 'what'],
    rows: [
      ['processor', `${processor}, ${cores} cores, ${memoryGb} GB`],
      ['system', `${system}, Node ${node}`],
      [
        'Postgres',
        Object.entries(postgres)
          .map((setting) => setting.join(' '))
          .join(', '),
      ],
      ['8 kB written and synced', `${range(fdatasyncMs)} ms`],
      [
        'load before',
        `${figure(loadBefore)}${loadBefore > cores / 2 ? ': others were at work, compare ratios only' : ''}`,
      ],
      ['version', commit ?? 'unknown'],
    ],
  };
}
