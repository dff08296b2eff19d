/** Others that do the same job, one effect, once: each set up as its documentation says, and what it makes durable. */
import { join } from 'node:path';

import { runCommand } from '../../src/testing/command';
import { createDatabase, type FreshDatabase } from '../../src/testing/database';
import { startReaper, type Reaper } from '../../src/testing/reaper';
import { Child } from '../child';
import { interleave, ratioSpread, spreads, type Load, type Sample, type Spread } from '../measure';
import { peersFolder, type PeerConfig } from '../peers/peer';
import type { Turn } from '../peers/peer-process';
import { installPackages, installPython, startRedis, startRestate } from '../peers/servers';
import { figure, range, type Table } from '../table';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const concurrencies = [1, 32];
const turnLimitMs = 120_000;

/** Something that can be given a turn. */
interface Running {
  turn(load: Load): Promise<Turn>;
  stop(): Promise<void>;
}

interface Entry {
  readonly name: string;
  /** What is on disk, with `fsync`, when the caller has its result; and what is kept. */
  readonly durability: string;
  start(reaper: Reaper, databaseUrl: string): Promise<Running>;
}

const inNode =
  (
    name: string,
    servers: (reaper: Reaper) => Promise<Partial<PeerConfig>> = async () => ({}),
  ): Entry['start'] =>
  async (reaper, databaseUrl) => {
    const config: PeerConfig = { name, databaseUrl, ...(await servers(reaper)) };
    const child = await Child.start(reaper, require.resolve('../peers/peer-process'), config);
    return { turn: (load) => child.ask<Turn>('turn', load), stop: () => child.stop() };
  };

const inPython: Entry['start'] = async (reaper, databaseUrl) => {
  const python = installPython();
  const script = join(peersFolder, 'safeagent.py');
  return {
    turn: async ({ concurrency, warmMs, ms }) => {
      const args = [script, databaseUrl, ...[concurrency, warmMs, ms].map(String)];
      return JSON.parse(await runCommand(python, args, { limitMs: turnLimitMs, reaper })) as Turn;
    },
    stop: async () => undefined,
  };
};

const entries: readonly Entry[] = [
  {
    name: 'two bare commits',
    durability: 'Postgres, fsync at the claim and at the result',
    start: inNode('bare'),
  },
  {
    name: 'activity-guard',
    durability: 'Postgres, fsync at the claim and at the receipt',
    start: inNode('guard'),
  },
  {
    name: 'steadykey 3.1.1',
    durability: 'Postgres, fsync at the lease and at the result; kept for a day',
    start: inNode('steadykey'),
  },
  {
    name: 'DBOS 5.3.0',
    durability: 'Postgres, fsync at the start of the workflow, its step and its end',
    start: inNode('dbos'),
  },
  {
    name: 'Restate 1.7.12',
    durability: 'its own log on one node, fsync (its default); the key is kept for a day',
    start: inNode('restate', async (reaper) => ({ restate: (await startRestate(reaper)).urls })),
  },
  {
    name: 'Powertools 2.35.0',
    durability: 'Redis with appendfsync always, at the lease and at the result; kept for an hour',
    start: inNode('powertools', async (reaper) => ({ redisUrl: (await startRedis(reaper)).url })),
  },
  {
    name: 'Graphile Worker 0.16.6',
    durability: 'Postgres, fsync at adding, taking and ending the job; nothing is kept, no result',
    start: inNode('graphile'),
  },
  {
    name: 'safeagent-exec-guard 0.1.25',
    durability: 'Postgres, fsync at the claim and at the result; a connection for every statement',
    start: inPython,
  },
];

interface Skipped {
  readonly name: string;
  readonly skipped: string;
}

/** One that cannot be had here, or does not do a first turn, is left out, and said to be. */
async function startAll(
  bench: Bench,
  reaper: Reaper,
  running: Map<Entry, Running>,
  databases: FreshDatabase[],
): Promise<Skipped[]> {
  const skipped: Skipped[] = [];
  for (const entry of entries) {
    const database = await createDatabase(bench.databaseUrl);
    databases.push(database);
    try {
      const runs = await entry.start(reaper, database.url);
      await runs.turn({ concurrency: 1, warmMs: 0, ms: 200 });
      running.set(entry, runs);
    } catch (error) {
      const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
      bench.say(`SKIPPED ${entry.name}: ${reason}`);
      skipped.push({ name: entry.name, skipped: reason });
    }
  }
  return skipped;
}

/** What a peer did. */
export interface MeasuredPeer {
  readonly name: string;
  readonly durability: string;
  readonly loads: readonly ({ readonly concurrency: number; readonly ratio: Spread } & {
    readonly [Field in keyof Sample]: Spread;
  })[];
}

async function measure(bench: Bench, running: ReadonlyMap<Entry, Running>): Promise<MeasuredPeer[]> {
  const { rounds, warmMs, ms } = bench.effort;
  const found = new Map<string, Record<string, Sample[]>>();
  const names = [...running.keys()].map(({ name }) => name);
  const byName = new Map([...running].map(([entry, runs]) => [entry.name, runs]));
  for (const concurrency of concurrencies) {
    const samples = await interleave(names, Math.min(rounds, 3), async (name) => {
      const turn = await (byName.get(name) as Running).turn({ concurrency, warmMs, ms });
      assertCount(`effects of ${name}`, turn.effects, turn.intents);
      return turn.sample;
    });
    found.set(`c${concurrency}`, samples);
    bench.say(
      `c=${concurrency}: ` +
        names.map((name) => `${name} ${figure(spreads(samples[name] ?? []).opsPerS.median)}/s`).join(', '),
    );
  }
  const [base = ''] = names;
  return [...running.keys()].map(({ name, durability }) => ({
    ...{ name, durability },
    loads: concurrencies.map((concurrency) => {
      const samples = found.get(`c${concurrency}`) ?? {};
      const [own, bare] = [samples[name] ?? [], samples[base] ?? []];
      return { concurrency, ...spreads(own), ratio: ratioSpread(own, bare, (sample) => sample.opsPerS) };
    }),
  }));
}

function tableOf(found: readonly MeasuredPeer[], skipped: readonly Skipped[]): Table {
  return {
    title: 'Peers: one effect, once',
    note: 'A new id each time, a no-op effect, 200 B, pools of 10; every contender in a process of its own. The ratio is to the first row.',
    columns: [
      'contender',
      ...concurrencies.flatMap((c) => [`c = ${c}, per second`, 'ratio', 'p99 ms']),
      'what is durable when the caller has the result',
    ],
    rows: [
      ...found.map(({ name, durability, loads }) => [
        name,
        ...loads.flatMap((load) => [
          range(load.opsPerS),
          figure(load.ratio.median),
          figure(load.p99Ms.median),
        ]),
        durability,
      ]),
      ...skipped.map((peer) => [
        peer.name,
        ...concurrencies.flatMap(() => ['–', '–', '–']),
        `SKIPPED: ${peer.skipped}`,
      ]),
    ],
  };
}

async function run(bench: Bench): Promise<Findings> {
  const reaper = startReaper();
  const running = new Map<Entry, Running>();
  const databases: FreshDatabase[] = [];
  try {
    bench.say('installing the packages of the peers');
    await installPackages(reaper);
    const skipped = await startAll(bench, reaper, running, databases);
    const found = await measure(bench, running);
    return { data: [...found, ...skipped], tables: [tableOf(found, skipped)] };
  } finally {
    for (const runs of running.values()) await runs.stop();
    await reaper.finish();
    // The server may be one that runs on.
    for (const database of databases) await database.drop();
  }
}

export const peers: Workload = { name: 'peers', title: 'peers', run };
