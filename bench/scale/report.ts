/** What `npm run bench:scale` tells: one object, and the tables made of it. */
import type { Machine } from '../machine';
import type { Spread } from '../measure';
import { machineTable } from '../report';
import { figure, range, type Table } from '../table';
import type { Filled } from './fill';
import type { measureClaims, measurePruning, measureReads, measureReplays, ScaleEffort } from './measure';
import type { Sizes } from './sizes';

/** What was measured. */
export interface Measured {
  readonly claims: readonly Awaited<ReturnType<typeof measureClaims>>[];
  readonly replays: readonly Awaited<ReturnType<typeof measureReplays>>[];
  readonly pruning: readonly Awaited<ReturnType<typeof measurePruning>>[];
  readonly reads: Awaited<ReturnType<typeof measureReads>>;
}

/** All there is to tell. */
export interface Run {
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly effort: ScaleEffort;
  readonly filled: Filled;
  readonly sizes: Sizes;
  readonly measured: Measured;
}

/** What `--json` prints: the figures that are asked for first, and where they come from. Of claims those of the most callers. */
export function reportOf({ measured, filled, sizes, ...rest }: Run) {
  const claims = measured.claims.at(-1);
  const pruning = measured.pruning.at(-1);
  const claimOf = (side: 'empty' | 'full') => ({
    p50Ms: claims?.[side].claimP50Ms.median,
    p99Ms: claims?.[side].claimP99Ms.median,
  });
  return {
    bench: 'activity-guard scale',
    rows: filled.rows,
    bytesPerReceipt: Math.round(sizes.total),
    claim: { concurrency: claims?.concurrency, empty: claimOf('empty'), full: claimOf('full') },
    prune: {
      rowsPerSecond: pruning?.unloaded.rowsPerSecond,
      rowsPerSecondBesideClaims: pruning?.steps.rowsPerSecond.median,
      claimP99MsAlone: pruning?.alone.claimP99Ms.median,
      claimP99MsWhile: pruning?.while.claimP99Ms.median,
    },
    ...{ ...rest, filled, sizes, measured },
  };
}

export function tablesOf({ machine, filled, sizes, measured }: Run): Table[] {
  const rows = filled.rows.toLocaleString('en-US');
  return [
    machineTable(machine),
    sizeTable(filled, sizes, measured),
    callTable(rows, measured),
    replayTable(rows, measured),
    pruneTable(measured),
    readTable(rows, measured),
  ];
}

function sizeTable(filled: Filled, { heap, toast, indexes, total }: Sizes, { claims }: Measured): Table {
  const wal = claims.map(({ concurrency, empty, full }) => [
    `log written for a claim and its settlement, c = ${concurrency}: full (empty)`,
    `${figure(full.walBytes.median)} (${figure(empty.walBytes.median)})`,
  ]);
  return {
    title: 'Bytes per receipt',
    note: `Of ${filled.rows.toLocaleString('en-US')}; a result of about 200 B, an id of 83 characters as workflows derive it, and where it came from. The log has most in it soon after a checkpoint, as here.`,
    columns: ['', 'bytes'],
    rows: [
      ['the table', figure(heap)],
      ['the same where 32 callers had just claimed and settled', figure(filled.sampledHeapBytes)],
      ...Object.entries(indexes).map(([name, bytes]) => [`index \`${name}\``, figure(bytes)]),
      ['results apart from their rows (over 2 kB)', figure(toast)],
      ['all of it', figure(total)],
      ...wal,
    ],
  };
}

function callTable(rows: string, { claims }: Measured): Table {
  const line = (c: number, side: string, of: Measured['claims'][number]['full']): string[] => [
    ...[String(c), side, range(of.opsPerS)],
    ...[of.claimP50Ms, of.claimP99Ms, of.settleP50Ms, of.settleP99Ms].map(range),
  ];
  return {
    title: 'New intents',
    note: 'A claim, a no-op effect and a settlement by the guard on `pg`; new sessions in each turn, by turns with an empty table on the same server.',
    columns: [
      ...['c', 'receipts', 'per second'],
      ...['claim p50 ms', 'claim p99 ms', 'settle p50 ms', 'settle p99 ms'],
    ],
    rows: claims.flatMap(({ concurrency, empty, full }) => [
      line(concurrency, 'none', empty),
      line(concurrency, rows, full),
    ]),
  };
}

function replayTable(rows: string, { replays }: Measured): Table {
  return {
    title: 'Replays',
    note: 'The result of a settled id chosen at random, read by primary key.',
    columns: ['c', 'receipts', 'per second', 'p50 ms', 'p99 ms'],
    rows: replays.flatMap(({ concurrency, empty, full }) =>
      [['some thousand', empty] as const, [rows, full] as const].map(([side, of]) => [
        ...[String(concurrency), side, range(of.opsPerS), range(of.p50Ms), range(of.p99Ms)],
      ]),
    ),
  };
}

function pruneTable({ pruning }: Measured): Table {
  return {
    title: 'Pruning',
    note: 'One session, steps of 10,000, beside claims in the full table and by itself.',
    columns: [
      ...['claims at c', 'pruned per second beside them', 'longest step ms'],
      ...['claim p99 ms without', 'claim p99 ms beside', 'pruned per second alone'],
    ],
    rows: pruning.map(({ concurrency, steps, alone, while: beside, unloaded }) => [
      ...[String(concurrency), range(steps.rowsPerSecond), range(steps.longestStepMs)],
      ...[range(alone.claimP99Ms), range(beside.claimP99Ms), figure(unloaded.rowsPerSecond)],
    ]),
  };
}

function readTable(rows: string, { reads }: Measured): Table {
  const told = ({ min, median, max }: Spread): string =>
    min === max || max === Infinity ? figure(median) : range({ min, median, max });
  const line = (what: string, ms: Spread): string[] => [what, told(ms)];
  return {
    title: 'What reads many receipts',
    note: `At ${rows}, among them 100 whose outcome nobody knows. –: no answer within the statement's limit of two minutes.`,
    columns: ['', 'ms'],
    rows: [
      line('the queue of the page, where nothing ever reconciled', reads.outstandingUnsweptMs),
      line('the first sweep of a reconciler', reads.firstSweepMs),
      line('the queue after it', reads.outstandingMs),
      line('the gauges after it', reads.gaugesMs),
      line('`list`: the newest 100', reads.newestMs),
      line('`list --unresolved`: all there are', reads.unresolvedMs),
      line('`stats`', reads.statsMs),
      line('`prune` where nothing is old enough', reads.nothingToPruneMs),
    ],
  };
}
