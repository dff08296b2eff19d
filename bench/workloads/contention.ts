/** Callers who want the same thing at once: all on one id, and a stream in which few ids are hot. */
import { Guarded, newId, payloadOf } from '../contenders';
import { drive, interleave, percentiles, spreads, type Sample } from '../measure';
import { figure, range, type Table } from '../table';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const callers = 64;
/** Worker processes that a crowd comes from: here engines with pools of their own. */
const crowds = { 'one worker': 1, '8 workers': 8 } as const;
type Crowd = keyof typeof crowds;

/** Of this many ids one is hot, and is asked for as often as all the others together. */
const idsPerHot = 100;

/** Opens as many workers as the largest crowd needs, all on one table. */
async function withWorkers<T>(url: string, work: (workers: readonly Guarded[]) => Promise<T>): Promise<T> {
  const workers: Guarded[] = [];
  try {
    for (let i = 0; i < crowds['8 workers']; i++)
      workers.push(await Guarded.on(url, 'pg', 'guard_contention'));
    return await work(workers);
  } finally {
    for (const worker of workers) await worker.stop();
  }
}

const effectsOf = (workers: readonly Guarded[]): number =>
  workers.reduce((sum, { effects }) => sum + effects, 0);

/** All callers at once on one new id; the time until the last of them has the result. */
async function crowdOn(workers: readonly Guarded[], payload: unknown): Promise<number> {
  const id = newId();
  const before = effectsOf(workers);
  const begun = performance.now();
  const calls = Array.from({ length: callers }, (_, i) =>
    (workers[i % workers.length] as Guarded).fresh(id, payload),
  );
  await Promise.all(calls);
  const tookMs = performance.now() - begun;
  assertCount(`effects of ${callers} callers on one id`, effectsOf(workers) - before, 1);
  return tookMs;
}

async function oneId(bench: Bench, workers: readonly Guarded[]) {
  const payload = payloadOf(200);
  const races = bench.effort.quick ? 10 : 20;
  const names = Object.keys(crowds) as Crowd[];
  for (const name of names) await crowdOn(workers.slice(0, crowds[name]), payload);
  const samples = await interleave(names, bench.effort.rounds, async (name) => {
    const times: number[] = [];
    for (let i = 0; i < races; i++) times.push(await crowdOn(workers.slice(0, crowds[name]), payload));
    return percentiles(times);
  });
  return names.map((name) => ({ crowd: name, untilAllHaveIt: spreads(samples[name]) }));
}

/** Ids without end, in blocks in which every other one is the one that is hot. */
function* hotStream(): Generator<string, never> {
  for (;;) {
    const hot = newId();
    for (let i = 1; i < idsPerHot; i++) {
      yield newId();
      yield hot;
    }
  }
}

async function hotIds(bench: Bench, [worker]: readonly Guarded[]) {
  if (!worker) throw new Error('there is no worker');
  const payload = payloadOf(200);
  const { rounds, warmMs, ms } = bench.effort;
  const kinds = ['all new', '1 % hot'] as const;
  const samples = await interleave(kinds, rounds, async (kind): Promise<Sample> => {
    const stream = hotStream();
    const asked = new Set<string>();
    const before = worker.effects;
    const sample = await drive(
      () => {
        const id = kind === 'all new' ? newId() : stream.next().value;
        asked.add(id);
        return worker.fresh(id, payload);
      },
      { concurrency: 32, warmMs, ms },
    );
    assertCount(`effects, ${kind}`, worker.effects - before, asked.size);
    return sample;
  });
  return kinds.map((kind) => ({ kind, ...spreads(samples[kind]) }));
}

async function run(bench: Bench): Promise<Findings> {
  const data = await withWorkers(bench.databaseUrl, async (workers) => ({
    oneId: await oneId(bench, workers),
    hotIds: await hotIds(bench, workers),
  }));
  const tables: Table[] = [
    {
      title: `${callers} callers on one id`,
      note: 'Time until all of them have the result of the one effect; the workers have pools of their own.',
      columns: ['callers in', 'p50 ms', 'p99 ms'],
      rows: data.oneId.map(({ crowd, untilAllHaveIt: { p50Ms, p99Ms } }) => [
        crowd,
        range(p50Ms),
        range(p99Ms),
      ]),
    },
    {
      title: 'Hot ids',
      note: 'c = 32, 200 B. One id of 100 is hot: every other call is for it, several at a time.',
      columns: ['ids', 'per second', 'p50 ms', 'p99 ms'],
      rows: data.hotIds.map(({ kind, opsPerS, p50Ms, p99Ms }) => [
        ...[kind, range(opsPerS), figure(p50Ms.median), figure(p99Ms.median)],
      ]),
    },
  ];
  bench.say(
    data.oneId
      .map((o) => `${callers} on one id, ${o.crowd}: p50 ${figure(o.untilAllHaveIt.p50Ms.median)} ms`)
      .join('; '),
  );
  bench.say(data.hotIds.map((h) => `${h.kind}: ${figure(h.opsPerS.median)}/s`).join('; '));
  return { data, tables };
}

export const contention: Workload = { name: 'contention', title: 'contention', run };
