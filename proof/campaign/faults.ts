/** What is made to fail, in an order that comes from the seed. Each fault ends by itself. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Database } from './database';
import type { Member } from './fleet';
import { Random } from './random';
import { times } from './terms';

/** Whom faults can meet. */
export interface Targets {
  readonly database: Database;
  readonly workers: readonly Member[];
  readonly callers: readonly Member[];
  readonly provider: Member;
}

/** Does it, and tells whether it met what it was meant for. */
type Fault = (targets: Targets, random: Random) => Promise<boolean>;
type Faults = Readonly<Record<string, Fault>>;

/** Longer than the lease; most of them longer than lease and grace time together. */
const pauseMs = (random: Random): number => random.between(1.3 * times.leaseMs, 6 * times.leaseMs);
const aWhile = (random: Random): number => random.between(500, 3000);
const mostStepMs = 15 * 60_000;

/** One that runs; any where none does. */
const running = (random: Random, members: readonly Member[]): Member => {
  const some = members.filter(({ isRunning }) => isRunning);
  return random.pick(some.length > 0 ? some : members);
};

const clockStep: Fault = async ({ workers, callers }, random) => {
  const member = running(random, [...workers, ...callers]);
  const landed = member.send({ clockMs: Math.round(random.between(-mostStepMs, mostStepMs)) });
  await delay(aWhile(random));
  return landed;
};

/** Faults of processes; the provider is not away for so long that nothing else can happen. */
const kills: Faults = {
  'worker killed': ({ workers }, random) => running(random, workers).kill(),
  'caller killed': ({ callers }, random) => running(random, callers).kill(),
  'provider killed': ({ provider }) => provider.kill(),
  'provider stopped': ({ provider }, random) => provider.pause(pauseMs(random) / 2),
  'clock step': clockStep,
};

/** SIGSTOP, and SIGCONT after a while. */
const workerPauses: Faults = {
  'worker stopped': ({ workers }, random) => running(random, workers).pause(pauseMs(random)),
};
const callerPauses: Faults = {
  'caller stopped': ({ callers }, random) => running(random, callers).pause(pauseMs(random)),
};

/** Lets the proxy do something for a while. */
const proxied =
  (begin: (proxy: Database['proxy']) => unknown, end: (proxy: Database['proxy']) => unknown): Fault =>
  async ({ database: { proxy } }, random) => {
    const landed = proxy.connections > 0;
    await begin(proxy);
    await delay(aWhile(random));
    await end(proxy);
    return landed;
  };

const slow: Fault = async ({ database: { proxy } }, random) => {
  const landed = proxy.connections > 0;
  const end = performance.now() + aWhile(random);
  while (performance.now() < end) {
    proxy.blackHole();
    await delay(random.between(20, 250));
    proxy.heal();
    await delay(20);
  }
  return landed;
};

const cutStatement: Fault = async ({ database: { proxy } }, random) => {
  const before = proxy.cuts;
  for (let i = 0; i < 10; i++) {
    proxy.cutNext(random.pick(['before', 'after', 'during']));
    await delay(random.between(50, 250));
  }
  return proxy.cuts > before;
};

/** As a power cut: what was not durable is gone, and nobody is left who remembers. */
const everything: Fault = async ({ database, workers, callers }, random) => {
  const killed = [...workers, ...callers].map((member) => member.kill());
  await database.crash('SIGQUIT', random.between(100, 1000));
  return (await Promise.all(killed)).some(Boolean);
};

/** Faults of the database and of the network before it. */
const databaseFaults: Faults = {
  'Postgres crashed': async ({ database }, random) => {
    await database.crash('SIGQUIT', random.between(100, 2500));
    return true;
  },
  'postmaster killed': async ({ database }, random) => {
    await database.crash('SIGKILL', random.between(100, 1000));
    return true;
  },
  'connections cut': proxied(
    (proxy) => proxy.cutAll(),
    () => undefined,
  ),
  'connection cut in a statement': cutStatement,
  'network slow': slow,
  'connections half-open': proxied(
    (proxy) => proxy.strand(),
    () => undefined,
  ),
  'network silent': proxied(
    (proxy) => proxy.blackHole(),
    (proxy) => proxy.heal(),
  ),
  'connections refused': proxied(
    (proxy) => proxy.refuse(),
    (proxy) => proxy.listen(),
  ),
  'max_connections reached': ({ database }, random) => database.exhaust(aWhile(random)),
  'disk full': ({ database }, random) => database.fillDisk(aWhile(random)),
  'standby promoted': ({ database }) => database.promote(),
  'everything killed': everything,
};

/** What goes on side by side, with the mean time between two faults. */
const lanes: readonly { readonly faults: Faults; readonly restMs: number }[] = [
  { faults: kills, restMs: 2000 },
  { faults: workerPauses, restMs: 1000 },
  { faults: callerPauses, restMs: 1000 },
  { faults: databaseFaults, restMs: 1000 },
];
export const faultKinds: readonly string[] = lanes.flatMap(({ faults }) => Object.keys(faults));

/** When something was failing, by `performance.now()`. */
export interface Landed {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
}

export class FaultInjector {
  readonly landed: Landed[] = [];
  private isOver = false;
  private lanes: Promise<void>[] = [];

  constructor(
    private readonly targets: Targets,
    private readonly log: (line: string) => void,
  ) {}

  start(seed: number): void {
    this.lanes = lanes.map(({ faults, restMs }, i) => this.lane(faults, restMs, new Random(seed + i)));
  }

  /** Lets the last ones end. Rejects where one could not be undone. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.lanes);
  }

  /** Each kind once before one comes again. */
  private async lane(faults: Faults, restMs: number, random: Random): Promise<void> {
    for (let bag: string[] = []; !this.isOver; ) {
      await delay(random.between(0.3, 1.7) * restMs);
      if (bag.length === 0) bag = random.shuffled(Object.keys(faults));
      const kind = bag.pop() as string;
      if (this.isOver) return;
      const from = performance.now();
      const landed = await faults[kind]?.(this.targets, random);
      const to = performance.now();
      if (landed) this.landed.push({ kind, from, to });
      else bag.unshift(kind);
      this.log(`${kind}${landed ? '' : ' (missed)'}, ${((to - from) / 1000).toFixed(1)} s`);
    }
  }
}
