/**
 * npm run bench:scale -- --rows 20000000 [--json]: what claims cost in a table with very many receipts, against an empty
 * one on the same server. Exit code 1 where counts are wrong; never because of a time.
 */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

import { findDatabaseUrl } from '../../src/testing/database';
import { startTestStack } from 'activity-guard/testing';
import { Guarded } from '../contenders';
import { writeData, writeTables } from '../docs';
import { describeMachine } from '../machine';
import { toMarkdown, toText } from '../table';
import { fill, type Filled } from './fill';
import {
  checkCounts,
  concurrencies,
  measureClaims,
  measurePruning,
  measureReads,
  measureReplays,
  type Places,
  type ScaleEffort,
} from './measure';
import { reportOf, tablesOf, type Measured, type Run } from './report';
import { roomProblem, sizesOf } from './sizes';
import type { Place } from './turns';

const mostRows = 1_000_000_000;
const usual = { rounds: 5, warmMs: 400, ms: 3000 };
const quick = { rounds: 1, warmMs: 200, ms: 300 };

interface Options {
  readonly rows: number;
  readonly json: boolean;
  readonly docs: boolean;
  readonly effort: ScaleEffort;
}

const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`);

function parse(): Options {
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: '1000000' }, json: flag, docs: flag, quick: flag },
  });
  const rows = Number(values.rows);
  if (!Number.isInteger(rows) || rows < 1000 || rows > mostRows)
    throw new Error(`--rows takes a whole number from 1000 to ${mostRows}`);
  return { rows, json: values.json, docs: values.docs, effort: values.quick ? quick : usual };
}

/** Of our own server's folder; another server's disk is not ours to look at. */
function checkRoom(rows: number, isOurServer: boolean): void {
  const { bavail, bsize } = statfsSync(tmpdir());
  const problem = isOurServer ? roomProblem(rows, bavail * bsize, tmpdir()) : undefined;
  if (problem !== undefined) throw new Error(problem);
  if (!isOurServer) say('the server is not ours: whether its disk has room was not looked at');
}

async function measure(
  places: Places,
  opened: Opened,
  filled: Filled,
  effort: ScaleEffort,
): Promise<Measured> {
  const { empty, full } = opened;
  const of = async <T>(name: string, work: (concurrency: number) => Promise<T>): Promise<T[]> => {
    const found: T[] = [];
    for (const concurrency of concurrencies) {
      say(`${name}, c = ${concurrency}`);
      found.push(await work(concurrency));
    }
    return found;
  };
  const claims = await of('claims', (c) => measureClaims(places, empty, effort, c));
  const replays = await of('replays', (c) => measureReplays(places, filled, effort, c));
  const pruning = await of('pruning', (c) => measurePruning(places, effort, c));
  say('what reads many receipts');
  const reads = await measureReads(full.store, filled);
  await checkCounts(full, filled, places.full);
  return { claims, replays, pruning, reads };
}

type Opened = Readonly<Record<keyof Places, Guarded>>;

async function onServer(
  url: string,
  { rows, effort }: Options,
  isOurServer: boolean,
): Promise<Omit<Run, 'startedAt' | 'seconds' | 'machine'>> {
  const place = (schema: string): Place => ({ url, schema, made: 0, pruned: 0 });
  const places = { empty: place('scale_empty'), full: place('scale_full') };
  const empty = await Guarded.on(url, 'pg', places.empty.schema);
  try {
    const full = await Guarded.on(url, 'pg', places.full.schema);
    try {
      say(`filling in ${rows.toLocaleString('en-US')} receipts`);
      const filled = await fill(full, { rows, isOurServer, say });
      const sizes = await sizesOf(full, filled.rows + filled.unknown + filled.sampled);
      say('measuring');
      return { effort, filled, sizes, measured: await measure(places, { empty, full }, filled, effort) };
    } finally {
      await full.stop();
    }
  } finally {
    await empty.stop();
  }
}

async function main(): Promise<void> {
  const options = parse();
  const isOurServer = findDatabaseUrl() === undefined;
  checkRoom(options.rows, isOurServer);
  const startedAt = new Date().toISOString();
  const stack = await startTestStack({ temporal: false });
  try {
    const machine = await describeMachine(stack.databaseUrl);
    const found = await onServer(stack.databaseUrl, options, isOurServer);
    const run = { ...found, machine, startedAt, seconds: performance.now() / 1000 };
    const report = reportOf(run);
    const tables = tablesOf(run);
    if (options.docs) {
      writeData('scaling-data.json', report);
      const minutes = (run.seconds / 60).toFixed(0);
      const when = `Taken ${startedAt.slice(0, 10)} by \`npm run bench:scale -- --rows ${options.rows}\` in ${minutes} minutes.`;
      writeTables('scaling.md', 'bench:scale', [when, ...tables.map(toMarkdown)]);
    }
    process.stdout.write(
      options.json ? `${JSON.stringify(report)}\n` : `${tables.map(toText).join('\n\n')}\n`,
    );
  } finally {
    await stack.stop();
  }
}

void main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
