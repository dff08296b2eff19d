/** Through Temporal: what a guarded activity costs beside a bare one and one with two commits in it, and its worker. */
import type { WorkflowHandle } from '@temporalio/client';

import type { Child } from '../child';
import {
  drive,
  interleave,
  percentiles,
  ratioSpread,
  spread,
  spreads,
  type Sample,
  type Spread,
} from '../measure';
import { figure, range, type Table } from '../table';
import { workerKinds as kinds, type WorkerKind as Kind } from '../temporal/bundles';
import { onStage, type Stage } from '../temporal/stage';
import type { WorkerMemory } from '../temporal/worker-process';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const activities = 10;
/** Enough to keep the development server busy. */
const openWorkflows = 10;
const ways = ['remote', 'local'] as const;
type Way = (typeof ways)[number];
type Name = `${Way} ${Kind}`;
const names = ways.flatMap((way) => kinds.map((kind): Name => `${way} ${kind}`));
const workflowOf = { remote: 'callRemote', local: 'callLocal' } as const;
const megabyte = 2 ** 20;

type Workers = Record<Kind, Child>;

/** What `of` makes of each kind of activity on each kind of worker. */
const rowsOf = <T extends object>(of: (way: Way, kind: Kind) => T) =>
  ways.flatMap((way) => kinds.map((kind) => ({ way, kind, ...of(way, kind) })));

/** What `ask` gives for each kind of worker, one after the other. */
async function perKind<T>(ask: (kind: Kind) => Promise<T> | T): Promise<Record<Kind, T>> {
  const entries: [Kind, T][] = [];
  for (const kind of kinds) entries.push([kind, await ask(kind)]);
  return Object.fromEntries(entries) as Record<Kind, T>;
}

/** Runs a turn, and holds the effects that the worker counted against the activities that were called. */
async function counted<T>(
  workers: Workers,
  kind: Kind,
  turn: (called: () => void) => Promise<T>,
): Promise<T> {
  const before = await workers[kind].ask<number>('effects');
  let workflows = 0;
  const result = await turn(() => void workflows++);
  const effects = (await workers[kind].ask<number>('effects')) - before;
  assertCount(`${kind} activities`, effects, workflows * activities);
  return result;
}

const splitName = (name: Name): [Way, Kind] => name.split(' ') as [Way, Kind];

async function throughput(bench: Bench, stage: Stage, workers: Workers) {
  const { rounds, warmMs, ms } = bench.effort;
  const samples = await interleave(names, rounds, async (name): Promise<Sample> => {
    const [way, kind] = splitName(name);
    const sample = await counted(workers, kind, (called) =>
      drive(
        async () => {
          called();
          await (await stage.start(kind, workflowOf[way], activities)).result();
        },
        { concurrency: openWorkflows, warmMs, ms: ms * 1.5 },
      ),
    );
    return { ...sample, opsPerS: sample.opsPerS * activities };
  });
  return rowsOf((way, kind) => {
    const sample = samples[`${way} ${kind}`];
    const ratio = ratioSpread(sample, samples[`${way} bare`], ({ opsPerS }) => opsPerS);
    return { perS: spreads(sample).opsPerS, ratio };
  });
}

/** From scheduled to completed, by the server's clock. */
async function activityTimes(handle: WorkflowHandle): Promise<number[]> {
  const { events } = await handle.fetchHistory();
  const scheduled = new Map<string, number>();
  return (events ?? []).flatMap((event) => {
    const at = Number(event.eventTime?.seconds) * 1000 + (event.eventTime?.nanos ?? 0) / 1e6;
    if (event.activityTaskScheduledEventAttributes) scheduled.set(String(event.eventId), at);
    const { scheduledEventId } = event.activityTaskCompletedEventAttributes ?? {};
    return scheduledEventId ? [at - (scheduled.get(String(scheduledEventId)) ?? NaN)] : [];
  });
}

/** One workflow at a time; of local activities, which leave no times behind, a tenth of the workflow's. */
async function latencies(stage: Stage, way: Way, kind: Kind, workflows: number, called: () => void) {
  const times: number[] = [];
  for (let i = 0; i < workflows; i++) {
    called();
    const begun = performance.now();
    const handle = await stage.start(kind, workflowOf[way], activities);
    await handle.result();
    if (way === 'local') times.push((performance.now() - begun) / activities);
    else times.push(...(await activityTimes(handle)));
  }
  return percentiles(times);
}

async function latency(bench: Bench, stage: Stage, workers: Workers) {
  const workflows = bench.effort.quick ? 6 : 12;
  const samples = await interleave(names, bench.effort.rounds, async (name) => {
    const [way, kind] = splitName(name);
    return counted(workers, kind, (called) => latencies(stage, way, kind, workflows, called));
  });
  return rowsOf((way, kind) => {
    const sample = samples[`${way} ${kind}`];
    const added = (field: 'p50Ms' | 'p99Ms'): Spread =>
      ratioSpread(
        sample,
        samples[`${way} bare`],
        (times) => times[field],
        (ours, bare) => ours - bare,
      );
    return { p50Ms: spreads(sample).p50Ms, addedP50Ms: added('p50Ms'), addedP99Ms: added('p99Ms') };
  });
}

/** From the start of the process until the worker polls. */
async function startUp(bench: Bench, stage: Stage): Promise<Record<Kind, Spread>> {
  const times = await interleave(kinds, bench.effort.rounds, async (kind) => {
    const begun = performance.now();
    const child = await stage.startWorker(kind);
    const tookMs = performance.now() - begun;
    await child.stop();
    return tookMs;
  });
  return perKind((kind) => spread(times[kind]));
}

async function withWorkers<T>(stage: Stage, work: (workers: Workers) => Promise<T>): Promise<T> {
  const started: Child[] = [];
  try {
    const workers = await perKind(async (kind) => {
      const child = await stage.startWorker(kind);
      started.push(child);
      return child;
    });
    return await work(workers);
  } finally {
    for (const child of started) await child.stop();
  }
}

async function measure(bench: Bench, stage: Stage) {
  const startUpMs = await startUp(bench, stage);
  return withWorkers(stage, async (workers) => {
    const found = {
      throughput: await throughput(bench, stage, workers),
      latency: await latency(bench, stage, workers),
    };
    const memory = await perKind((kind) => workers[kind].ask<WorkerMemory>('memory'));
    return { startUpMs, ...found, memory };
  });
}

function tablesOf({ startUpMs, throughput, latency, memory }: Awaited<ReturnType<typeof measure>>): Table[] {
  const megabytes = (kind: Kind, field: keyof WorkerMemory): string => figure(memory[kind][field] / megabyte);
  return [
    {
      title: 'Activities through Temporal',
      note: `${openWorkflows} open workflows of ${activities} no-op activities each, on Temporal's development server, which is the limit here. By hand: the base's two commits in the activity.`,
      columns: ['activities', 'worker', 'per second', 'of bare'],
      rows: throughput.map(({ way, kind, perS, ratio }) => [way, kind, range(perS), range(ratio)]),
    },
    {
      title: 'Added to one activity',
      note: 'One workflow at a time. Remote: from scheduled to completed in the history; local: a tenth of a workflow of ten.',
      columns: ['activities', 'worker', 'p50 ms', 'added p50 ms', 'added p99 ms'],
      rows: latency.map(({ way, kind, p50Ms, addedP50Ms, addedP99Ms }) => [
        ...[way, kind, range(p50Ms), range(addedP50Ms), range(addedP99Ms)],
      ]),
    },
    {
      title: 'A worker',
      note: 'Until it polls, from the start of its process, with a bundle made before; memory after the runs above.',
      columns: ['worker', 'start-up ms', 'heap MB', 'resident MB'],
      rows: kinds.map((kind) => [
        ...[kind, range(startUpMs[kind]), megabytes(kind, 'heapBytes'), megabytes(kind, 'residentBytes')],
      ]),
    },
  ];
}

async function run(bench: Bench): Promise<Findings> {
  const data = await onStage(bench, (stage) => measure(bench, stage));
  const tables = tablesOf(data);
  const remoteOf = <T extends { way: Way; kind: Kind }>(rows: readonly T[], kind: Kind): T => {
    const found = rows.find((row) => row.way === 'remote' && row.kind === kind);
    if (!found) throw new Error('nothing was measured');
    return found;
  };
  for (const kind of ['by-hand', 'guarded'] as const) {
    const { ratio } = remoteOf(data.throughput, kind);
    bench.say(
      `remote: ${kind} / bare ${range(ratio)}, added ${range(remoteOf(data.latency, kind).addedP50Ms)} ms`,
    );
  }
  return {
    data,
    tables,
    ratios: {
      temporal_throughput: remoteOf(data.throughput, 'guarded').ratio,
      temporal_added_p50_ms: remoteOf(data.latency, 'guarded').addedP50Ms,
    },
  };
}

export const temporal: Workload = { name: 'temporal', title: 'Temporal', run };
