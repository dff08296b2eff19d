/** What the workflow interceptor costs: in a replay, and in a workflow task that schedules calls. */
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';

import { interleave, ratioSpread, spread, type Spread } from '../measure';
import { range, type Table } from '../table';
import { kinds, makeBundles, quietRuntime, type Kind } from '../temporal/bundles';
import { historyOf } from '../temporal/made-history';
import { onStage, type Stage } from '../temporal/stage';
import type { Bench, Findings, Workload } from '../workload';

const sizes = [1000, 10_000];
/** Side by side, as a workflow that has that many calls would make them. */
const width = 100;
/** In one workflow task; the server allows 2,000 that are open. */
const callsInTask = 1000;

interface ReplayCost {
  readonly activities: number;
  readonly bareMs: Spread;
  readonly guardedMs: Spread;
  readonly addedPerCallUs: Spread;
}

const perCallUs =
  (calls: number) =>
  (guardedMs: number, bareMs: number): number =>
    ((guardedMs - bareMs) / calls) * 1000;

/** Replays in this process, bare and guarded by turns. */
async function inReplay(bench: Bench): Promise<ReplayCost[]> {
  const bundles = await makeBundles();
  const costs: ReplayCost[] = [];
  for (const activities of sizes) {
    const history = historyOf(activities, width);
    const turn = async (kind: Kind): Promise<number> => {
      globalThis.gc?.();
      const begun = performance.now();
      await Worker.runReplayHistory({ workflowBundle: bundles[kind] }, history);
      return performance.now() - begun;
    };
    for (const kind of kinds) await turn(kind);
    const times = await interleave(kinds, bench.effort.rounds, turn);
    costs.push({
      ...{ activities, bareMs: spread(times.bare), guardedMs: spread(times.guarded) },
      addedPerCallUs: ratioSpread(times.guarded, times.bare, (ms) => ms, perCallUs(activities)),
    });
    bench.say(
      `replay of ${activities} activities: ${range(costs.at(-1)?.addedPerCallUs as Spread)} µs added per call`,
    );
  }
  return costs;
}

/** How long the worker had the workflow task that made the calls, by the server's clock. */
async function taskMs(handle: WorkflowHandle): Promise<number> {
  for (let tries = 0; tries < 500; tries++) {
    const { events } = await handle.fetchHistory();
    const at = (name: 'workflowTaskStarted' | 'workflowTaskCompleted'): number => {
      const event = events?.find((candidate) => candidate[`${name}EventAttributes`]);
      return Number(event?.eventTime?.seconds) * 1000 + (event?.eventTime?.nanos ?? 0) / 1e6;
    };
    const tookMs = at('workflowTaskCompleted') - at('workflowTaskStarted');
    if (Number.isFinite(tookMs)) return tookMs;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('a workflow task that schedules calls did not end');
}

async function inTask(
  bench: Bench,
  stage: Stage,
): Promise<{ bareMs: Spread; guardedMs: Spread; addedPerCallUs: Spread }> {
  const turn = async (kind: Kind): Promise<number> => {
    const handle = await stage.start(kind, 'callNowhere', callsInTask);
    const tookMs = await taskMs(handle);
    await handle.terminate('measured');
    return tookMs;
  };
  const workers = [];
  try {
    for (const kind of kinds) workers.push(await stage.startWorker(kind));
    for (const kind of kinds) await turn(kind);
    const times = await interleave(kinds, bench.effort.rounds * 2, turn);
    return {
      ...{ bareMs: spread(times.bare), guardedMs: spread(times.guarded) },
      addedPerCallUs: ratioSpread(times.guarded, times.bare, (ms) => ms, perCallUs(callsInTask)),
    };
  } finally {
    for (const worker of workers) await worker.stop();
  }
}

async function run(bench: Bench): Promise<Findings> {
  quietRuntime();
  const data = {
    inReplay: await inReplay(bench),
    inTask: await onStage(bench, (stage) => inTask(bench, stage)),
  };
  const row = (what: string, cost: Omit<ReplayCost, 'activities'>): string[] => [
    ...[what, range(cost.bareMs), range(cost.guardedMs), range(cost.addedPerCallUs)],
  ];
  const table: Table = {
    title: "The workflow interceptor's cost",
    note: `Histories of calls in rounds of ${width}, replayed; and the workflow task that makes ${callsInTask} calls, until the server has it, header and all.`,
    columns: ['', 'bare ms', 'guarded ms', 'added per call, µs'],
    rows: [
      ...data.inReplay.map((cost) =>
        row(`replay of ${cost.activities.toLocaleString('en-US')} activities`, cost),
      ),
      row(`a workflow task of ${callsInTask.toLocaleString('en-US')} calls`, data.inTask),
    ],
  };
  return { data, tables: [table] };
}

export const replayCost: Workload = { name: 'replay-cost', title: "the workflow interceptor's cost", run };
