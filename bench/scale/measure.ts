/** What is measured once the table is full: claims and replays by turns with an empty table, pruning, and what reads much. */
import { ReceiptStoreUnavailableError } from '../../src';
import type { PostgresReceipts } from '../../src/stores/postgres/store';
import type { Guarded } from '../contenders';
import { interleave, ratioSpread, spread, spreads, type Load, type Spread } from '../measure';
import { assertCount } from '../workload';
import type { Filled } from './fill';
import { filledId } from './receipts';
import { freshTurn, pruneUntil, replayTurn, type Place } from './turns';

/** How long, and how often. */
export interface ScaleEffort {
  readonly rounds: number;
  readonly warmMs: number;
  readonly ms: number;
}

export const sides = ['empty', 'full'] as const;
export const concurrencies = [1, 32] as const;
export type Places = Readonly<Record<(typeof sides)[number], Place>>;

const dayMs = 86_400_000;
/** Half of what was filled in is older. */
export const pruneOlderThanMs = 45 * dayMs;

const loadOf = ({ warmMs, ms }: ScaleEffort, concurrency: number): Load => ({ concurrency, warmMs, ms });

export async function measureClaims(
  places: Places,
  empty: Guarded,
  effort: ScaleEffort,
  concurrency: number,
) {
  const load = loadOf(effort, concurrency);
  const samples = await interleave(sides, effort.rounds, async (side) => {
    if (side === 'empty') await startOver(empty, places.empty);
    return freshTurn(places[side], load);
  });
  return {
    concurrency,
    empty: spreads(samples.empty),
    full: spreads(samples.full),
    p99Ratio: ratioSpread(samples.full, samples.empty, (sample) => sample.claimP99Ms),
  };
}

async function startOver(empty: Guarded, place: Place): Promise<void> {
  await empty.empty();
  place.made = 0;
}

export async function measureReplays(
  places: Places,
  { rows }: Filled,
  effort: ScaleEffort,
  concurrency: number,
) {
  const load = loadOf(effort, concurrency);
  const few: string[] = [];
  await freshTurn(places.empty, { ...load, concurrency: 32, warmMs: 0, ms: effort.warmMs }, few);
  const one = (n: number): number => Math.floor(Math.random() * n);
  const idOf = {
    empty: () => few[one(few.length)] as string,
    full: () => filledId(1 + one(rows)),
  };
  const samples = await interleave(sides, effort.rounds, (side) =>
    replayTurn(places[side], load, idOf[side]),
  );
  return { concurrency, empty: spreads(samples.empty), full: spreads(samples.full) };
}

/** Claims beside a pruning session, and without it; and pruning by itself. */
export async function measurePruning({ full }: Places, effort: ScaleEffort, concurrency: number) {
  const load = loadOf(effort, concurrency);
  const steps: { rowsPerSecond: number; longestStepMs: number }[] = [];
  const samples = await interleave(['alone', 'pruning'], effort.rounds, async (name) => {
    if (name === 'alone') return freshTurn(full, load);
    let isOver = false;
    const pruning = pruneUntil(full, pruneOlderThanMs, () => isOver);
    try {
      return await freshTurn(full, load);
    } finally {
      isOver = true;
      steps.push(await pruning);
    }
  });
  const until = performance.now() + effort.rounds * effort.ms;
  const unloaded = await pruneUntil(full, pruneOlderThanMs, () => performance.now() >= until);
  return {
    ...{ concurrency, alone: spreads(samples.alone), while: spreads(samples.pruning) },
    ...{ steps: spreads(steps), unloaded },
  };
}

const times = 5;

/** Milliseconds; `Infinity` where the statement had no answer within its limit. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ReceiptStoreUnavailableError)) throw error;
    return Infinity;
  }
  return performance.now() - begun;
}

const once = async (work: () => Promise<unknown>): Promise<Spread> => spread([await timed(work)]);

async function often(work: () => Promise<unknown>): Promise<Spread> {
  const all: number[] = [];
  for (let n = 0; n < times; n++) all.push(await timed(work));
  return spread(all);
}

/** What the page, the metrics and the command line ask, before a reconciler has ever gone through the claims and after. */
export async function measureReads(store: PostgresReceipts, { unknown }: Filled) {
  const outstanding = async (): Promise<void> => {
    const found = await store.outstanding(1000);
    assertCount('outcomes that are outstanding', found.length, unknown);
  };
  const gauges = async (): Promise<void> => {
    const { unresolved } = await store.countOutstanding();
    assertCount('outcomes that are unresolved', unresolved, unknown);
  };
  return {
    outstandingUnsweptMs: await once(outstanding),
    firstSweepMs: await once(() => store.takeDue({ limit: 1, holdMs: 0 })),
    outstandingMs: await often(outstanding),
    gaugesMs: await often(gauges),
    newestMs: await often(() => store.list({ omitOutcomes: true })),
    unresolvedMs: await once(() => store.list({ unresolved: true, omitOutcomes: true, limit: 1000 })),
    nothingToPruneMs: await once(() => store.prune({ retainMs: 36_500 * dayMs })),
    statsMs: await once(() => store.stats()),
  };
}

/** Nothing was lost, and nothing is there twice. Without a limit of time. */
export async function checkCounts({ pool, schema }: Guarded, filled: Filled, { made, pruned }: Place) {
  const { rows } = await pool.query<{ state: string; count: string }>(
    `select state, count(*) from ${schema}.receipts group by state`,
  );
  const counted = Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
  const expected = {
    committed: filled.rows + filled.sampled + made - pruned,
    pruned,
    unknown: filled.unknown,
  };
  for (const [state, count] of Object.entries(expected))
    assertCount(`${state} receipts`, counted[state] ?? 0, count);
  assertCount('states', rows.length, Object.values(expected).filter((count) => count > 0).length);
}
