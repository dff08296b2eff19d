/** What the workflow interceptor costs: in a replay, and in a workflow task that schedules calls. */
import type { WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';

import { interleave, ratioSpread, spread, spreads, type Spread } from '../measure';
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

interface Cost {
  readonly bareMs: Spread;
  readonly guardedMs: Spread;
  readonly addedPerCallUs: Spread;
}

interface ReplayCost extends Cost {
  readonly activities: number;
  /** Of the processor, which other processes do not lengthen. */
  readonly addedCpuPerCallUs: Spread;
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
    const turn = async (kind: Kind): Promise<{ wallMs: number; cpuMs: number }> => {
      globalThis.gc?.();
      const begun = performance.now();
      const cpuBegun = process.cpuUsage();
      await Worker.runReplayHistory({ workflowBundle: bundles[kind] }, history);
      const { user, system } = process.cpuUsage(cpuBegun);
      return { wallMs: performance.now() - begun, cpuMs: (user + system) / 1000 };
    };
    for (const kind of kinds) await turn(kind);
    const times = await interleave(kinds, bench.effort.rounds, turn);
    const added = (of: 'wallMs' | 'cpuMs'): Spread =>
      ratioSpread(times.guarded, times.bare, (turns) => turns[of], perCallUs(activities));
    costs.push({
      ...{ activities, bareMs: spreads(times.bare).wallMs, guardedMs: spreads(times.guarded).wallMs },
      ...{ addedPerCallUs: added('wallMs'), addedCpuPerCallUs: added('cpuMs') },
    });
    bench.say(
      `replay of ${activities} activities: ${range(added('wallMs'))} µs added per call, ${range(added('cpuMs'))} of the processor`,
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

async function inTask(bench: Bench, stage: Stage): Promise<Cost> {
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
  const row = (what: string, cost: Cost, cpu?: Spread): string[] => [
    ...[what, range(cost.bareMs), range(cost.guardedMs), range(cost.addedPerCallUs), cpu ? range(cpu) : '–'],
  ];
  const table: Table = {
    title: "The workflow interceptor's cost",
    note: `Histories of calls in rounds of ${width}, replayed; and the workflow task that makes ${callsInTask} calls, until the server has it, header and all.`,
    columns: ['', 'bare ms', 'guarded ms', 'added per call, µs', 'of the processor, µs'],
    rows: [
      ...data.inReplay.map((cost) =>
        row(`replay of ${cost.activities.toLocaleString('en-US')} activities`, cost, cost.addedCpuPerCallUs),
      ),
      row(`a workflow task of ${callsInTask.toLocaleString('en-US')} calls`, data.inTask),
    ],
  };
  return { data, tables: [table] };
}

export const replayCost: Workload = { name: 'replay-cost', title: "the workflow interceptor's cost", run };
