/** Runs cells: batches of intents beside each other, those that kill servers alone and last. */
import { Barrier } from './barrier';
import { runCell, type Cell, type Trial } from './cells';
import { resultOf, type CellResult, type TrialResult } from './result';
import { okOnly, type Site } from './site';
import type { System } from './systems';
import type { World } from './world';

/** Most of their time they wait for leases and time-outs. */
const batchesAtOnce = 8;
const exclusiveBatch = 10;

export interface Setup {
  readonly world: World;
  readonly systems: readonly System[];
  readonly cells: readonly Cell[];
  readonly trials: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

interface Batch {
  readonly system: System;
  readonly cell: Cell;
  readonly name: string;
  readonly intents: readonly string[];
  /** With whom it loses its servers. */
  readonly barrier?: Barrier;
}

/** Reproducible numbers between 0 and 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function batchesOf({ systems, cells, trials }: Setup): Batch[] {
  const batches: Batch[] = [];
  for (const cell of cells)
    for (const system of systems) {
      if (system.notApplicable[cell.name] !== undefined) continue;
      const size = Math.min(cell.perProcess, exclusiveBatch);
      for (let from = 0; from < trials; from += size) {
        const name = `${system.name}:${cell.name}:${from}`;
        const intents = Array.from({ length: Math.min(size, trials - from) }, (_, i) => `${name}:${i}`);
        batches.push({ system, cell, name, intents });
      }
    }
  return batches;
}

async function runBatch({ world, say }: Setup, batch: Batch, random: () => number): Promise<TrialResult[]> {
  const { system, cell, name, intents } = batch;
  const plan = { ...cell.plan(system.underWay), ...(system.honoursKeys && { honoursKeys: true }) };
  await world.provider.plan(Object.fromEntries(intents.map((intent) => [intent, plan])));
  const site = system.site(world, name, cell);
  const trials: Trial[] = intents.map((intent) => ({ intent, answers: [], landed: false }));
  const { provider } = world;
  const begun = performance.now();
  const { settles, underWay } = system;
  const together = async (): Promise<void> => batch.barrier?.arrive();
  try {
    const scene = {
      site,
      provider,
      trials,
      intents,
      settles,
      underWay,
      random,
      storeUrl: system.storeUrl(world),
      together,
    };
    await runCell(cell, scene).finally(() => batch.barrier?.leave());
    return await Promise.all(trials.map((trial) => judge(world, site, trial, begun)));
  } catch (error) {
    say(`FAILED ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return trials.map(({ intent }) => ({
      intent,
      effects: 0,
      landed: false,
      tookMs: 0,
      end: 'broken',
      reason: String(error),
      decided: false,
    }));
  } finally {
    await site.stop().catch((error: unknown) => say(`${name} did not stop: ${String(error)}`));
  }
}

async function judge({ provider }: World, site: Site, trial: Trial, begun: number): Promise<TrialResult> {
  const { intent, landed } = trial;
  const answers = await Promise.all(trial.answers);
  const open = await site.leftOpen(intent);
  const tookMs = Math.round(performance.now() - begun);
  const [own] = (await site.effects?.([intent])) ?? [];
  const ids = own && own.length > 0 ? own : ((await provider.status([intent]))[intent]?.effects ?? []);
  const counted = { intent, landed, tookMs, effects: ids.length, decided: site.decided.has(intent) };
  const stuck = answers.find(({ kind }) => kind === 'open');
  if (stuck?.kind === 'open') return { ...counted, end: 'stuck', reason: stuck.reason };
  if (open !== undefined) return { ...counted, end: 'stuck', reason: open };
  const failed = answers.find(({ kind }) => kind === 'failed');
  if (failed?.kind === 'failed') return { ...counted, end: 'failed', reason: failed.reason };
  const wrong = answers.find(
    (answer) =>
      answer.kind === 'value' && !(answer.id === okOnly ? ids.length > 0 : ids.includes(answer.id as string)),
  );
  if (wrong?.kind === 'value')
    return { ...counted, end: 'wrong', reason: JSON.stringify(wrong.id) ?? 'undefined' };
  return { ...counted, end: 'resolved' };
}

/** Those that kill the same servers in the same way, together: one batch of each system at a time. */
function roundsOf(batches: readonly Batch[]): Batch[][] {
  const rounds = new Map<string, Batch[]>();
  for (const batch of batches.filter(({ cell }) => cell.isExclusive)) {
    const key = `${batch.cell.name}:${batch.name.split(':').at(-1)}`;
    rounds.set(key, [...(rounds.get(key) ?? []), batch]);
  }
  return [...rounds.values()].map((round) => {
    const barrier = new Barrier(round.length);
    return round.map((batch) => ({ ...batch, barrier }));
  });
}

/** Runs all, and gives one result for each cell that exists. */
export async function runMatrix(setup: Setup): Promise<readonly CellResult[]> {
  const { systems, cells, seed, say, world } = setup;
  const random = randomFrom(seed);
  const batches = batchesOf(setup);
  const found = new Map<string, TrialResult[]>();
  let done = 0;
  const run = async (batch: Batch): Promise<void> => {
    const results = await runBatch(setup, batch, random);
    const key = `${batch.system.name}:${batch.cell.name}`;
    found.set(key, [...(found.get(key) ?? []), ...results]);
    done++;
    if (done % 20 === 0 || batch.cell.isExclusive) say(`${done} of ${batches.length} batches: ${batch.name}`);
  };
  const rest = batches.filter(({ cell }) => !cell.isExclusive);
  const lane = async (): Promise<void> => {
    for (let batch = rest.shift(); batch; batch = rest.shift()) await run(batch);
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, lane));
  for (const round of roundsOf(batches)) await Promise.all(round.map(run));
  // What came late counts, too.
  const written = world.provider.written();
  const late = (result: TrialResult): TrialResult => ({
    ...result,
    effects: Math.max(result.effects, written.get(result.intent) ?? 0),
  });
  return systems.flatMap((system) =>
    cells.map((cell) => resultOf(system, cell, (found.get(`${system.name}:${cell.name}`) ?? []).map(late))),
  );
}
