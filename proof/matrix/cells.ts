/** The columns of the matrix: where a process is killed, and what else goes wrong. */
import { setTimeout as delay } from 'node:timers/promises';

import { within } from '../../src/testing/bounded';
import type { Provider } from './provider';
import { SettleProxy } from './settle-proxy';
import type { Answer, Site, Victim } from './site';
import { times, type Plan, type Point } from './terms';

/** One intent, from its first call to its end. */
export interface Trial {
  readonly intent: string;
  readonly answers: Promise<Answer>[];
  /** The fault met the call at the point where it was meant to. */
  landed: boolean;
}

/** What a cell works with. */
export interface Scene {
  readonly site: Site;
  readonly provider: Provider;
  readonly trials: readonly Trial[];
  readonly intents: readonly string[];
  /** Of the store. */
  readonly storeUrl: string;
  /** The bytes with which the system settles a call in its store. */
  readonly settles: readonly RegExp[];
  /** Where its effect is under way, at the latest: where its store is killed, or everything. */
  readonly underWay: Point;
  /** Waits for those who lose the same servers at the same time. */
  together(): Promise<void>;
  /** Between 0 and 1, from the seed. */
  random(): number;
}

export interface Cell {
  readonly name: string;
  readonly title: string;
  /** What happens in it. */
  readonly about: string;
  /** What becomes of the first call. */
  plan(underWay: Point): Plan;
  /** How many intents share a process, at most. */
  readonly perProcess: number;
  /** Nothing else can run meanwhile. */
  readonly isExclusive: boolean;
  run(scene: Scene): Promise<void>;
}

const reachLimitMs = 30_000;
const perProcess = 5;

function callAll({ site, trials }: Scene, caller = 0): void {
  for (const trial of trials) trial.answers.push(site.call(trial.intent, caller));
}

/** Waits until all are held at their point. Those that are not held when time is up have not landed. */
async function untilHeld({ provider, intents, trials }: Scene): Promise<void> {
  await provider.until(intents, reachLimitMs, ({ isHeld }) => isHeld);
  const status = await provider.status(intents);
  for (const trial of trials) trial.landed = status[trial.intent]?.isHeld ?? false;
}

/**
 * Lets the requests go on that are held. No network delivers later than it may, but a busy machine might: what is held
 * for longer than a system says that it can bear is dropped, and has not landed.
 */
async function goOn(
  { provider, site, trials }: Scene,
  latest = Infinity,
  longestMs = site.longestHeldMs,
): Promise<void> {
  const intents = trials.map(({ intent }) => intent);
  const status = await provider.status(intents);
  const one = async (trial: Trial): Promise<void> => {
    const { heldSince = 0, stoppedAt } = status[trial.intent] ?? {};
    const { dropped } = await provider.go(trial.intent, Math.min(latest, heldSince + longestMs));
    if (dropped && stoppedAt === 'request-sent') trial.landed = false;
  };
  await Promise.all(trials.map(one));
}

function crash(name: Point, title: string, about: string): Cell {
  const run = async (scene: Scene): Promise<void> => {
    const { site, random } = scene;
    const victim = await site.start();
    callAll(scene);
    await untilHeld(scene);
    await victim.kill();
    // What was under way arrives when its sender is dead.
    const latest = Date.now() + times.lateMs;
    if (name === 'request-sent') await delay(random() * times.mostWireMs);
    await goOn(scene, latest);
    await site.succeed();
  };
  return { name, title, about, plan: () => ({ stopAt: name }), perProcess, isExclusive: false, run };
}

/** Runs one intent whose process has a proxy between itself and its store. */
async function behindProxy(scene: Scene, isKilled: boolean): Promise<void> {
  const { site, storeUrl, settles, trials, provider, intents } = scene;
  let victim: Victim | undefined;
  const proxy = await SettleProxy.before(storeUrl, settles, (end) => {
    if (!isKilled) end();
    else if (victim) process.kill(victim.pid, 'SIGKILL');
  });
  try {
    victim = await site.start({ storeUrl: proxy.through(storeUrl) });
    callAll(scene);
    await provider.until(intents, reachLimitMs, () => proxy.hits > 0);
    for (const trial of trials) trial.landed = proxy.hits === 1;
    if (isKilled && proxy.hits > 0) await victim.ended;
    await site.succeed();
    await Promise.all(trials.flatMap(({ answers }) => answers));
  } finally {
    proxy.close();
  }
}

const settleSent: Cell = {
  ...{ name: 'settle-sent', title: 'settle sent', perProcess: 1, isExclusive: false },
  about: 'killed when the bytes that settle the call have passed to the store, before its answer',
  plan: () => ({}),
  run: (scene) => behindProxy(scene, true),
};

const cutMidCommit: Cell = {
  ...{ name: 'cut', title: 'cut mid-commit', perProcess: 1, isExclusive: false },
  about: 'the connection is cut when the bytes that settle the call have passed, and its answer is not heard',
  plan: () => ({}),
  run: (scene) => behindProxy(scene, false),
};

function failing(name: string, title: string, about: string, fault: 'error' | 'silent'): Cell {
  const run = async (scene: Scene): Promise<void> => {
    const { site, provider, intents, trials } = scene;
    await site.start({ requestMs: fault === 'silent' ? times.shortRequestMs : times.requestMs });
    callAll(scene);
    await provider.until(intents, reachLimitMs, ({ faults }) => faults > 0);
    const status = await provider.status(intents);
    for (const trial of trials) trial.landed = status[trial.intent]?.faults === 1;
    await site.succeed();
  };
  return { name, title, about, plan: () => ({ fault }), perProcess, isExclusive: false, run };
}

const zombie: Cell = {
  ...{ name: 'zombie', title: 'zombie attempt', perProcess, isExclusive: false },
  about:
    'the first attempt is given up while its request is under way, the process lives on, and the request arrives after the next attempt has begun',
  plan: () => ({ stopAt: 'request-sent' }),
  run: async (scene) => {
    const { site, trials } = scene;
    await site.start();
    callAll(scene);
    await untilHeld(scene);
    await site.succeed();
    const retried = async (trial: Trial): Promise<void> => {
      const again = await site.callAgain(trial.intent);
      if (again) trial.answers.push(again.answer);
      await goOn({ ...scene, trials: [trial] });
    };
    await Promise.all(trials.map(retried));
  },
};

const racers: Cell = {
  ...{ name: 'racers', title: 'two racers', perProcess, isExclusive: false },
  about:
    'two callers make the same call at once, on two processes; the first request is answered when both are at it',
  plan: () => ({ stopAt: 'request-sent' }),
  run: async (scene) => {
    const { site } = scene;
    await Promise.all([site.start(), site.start()]);
    callAll(scene, 0);
    callAll(scene, 1);
    await untilHeld(scene);
    await delay(times.mostWireMs);
    await goOn(scene, Infinity, site.longestRaceMs);
    await site.succeed();
  },
};

const reset: Cell = {
  ...{ name: 'reset', title: 'workflow reset', perProcess, isExclusive: false },
  about: 'the workflow has ended, and an operator resets it to its first task',
  plan: () => ({}),
  run: async (scene) => {
    const { site, trials } = scene;
    await site.start();
    callAll(scene);
    const firsts = await Promise.all(trials.flatMap(({ answers }) => answers));
    await site.succeed();
    for (const [i, trial] of trials.entries()) {
      trial.landed = firsts[i]?.kind === 'value';
      trial.answers.push(site.reset(trial.intent));
    }
  },
};

const downMs = 700;

const storeKilled: Cell = {
  ...{ name: 'store-killed', title: 'store killed', perProcess: Infinity, isExclusive: true },
  about: 'the store crashes while the effect is under way, and is back after a second; the process lives on',
  plan: (underWay) => ({ stopAt: underWay }),
  run: async (scene) => {
    const { site } = scene;
    await site.start();
    callAll(scene);
    await untilHeld(scene);
    await scene.together();
    await site.killStore();
    await goOn(scene);
    await delay(downMs);
    await scene.together();
    await site.startStore();
    await site.succeed();
  },
};

const restart: Cell = {
  ...{ name: 'restart', title: 'everything restarted', perProcess: Infinity, isExclusive: true },
  about: 'process, store and servers are killed while the effect is under way, and are started again',
  plan: (underWay) => ({ stopAt: underWay }),
  run: async (scene) => {
    const { site } = scene;
    const victim = await site.start();
    callAll(scene);
    await untilHeld(scene);
    await scene.together();
    await victim.kill();
    await Promise.all([site.killServers(), site.killStore()]);
    await goOn(scene);
    await scene.together();
    await site.startStore();
    await site.startServers();
    await site.succeed();
  },
};

export const cells: readonly Cell[] = [
  crash('before-claim', 'before claim', 'killed before it has written anything'),
  crash(
    'after-claim',
    'after claim',
    'killed when its claim (or lease, or start) is on disk, before the request',
  ),
  crash(
    'request-sent',
    'request sent',
    'killed when the provider has the request, which is carried out after that',
  ),
  crash('effect-done', 'effect done', 'killed when the effect has happened, before its answer'),
  settleSent,
  crash('settled', 'settled', 'killed when the result is on disk, before the caller has it'),
  crash('reported', 'reported', 'killed when the caller has the result; asked once more'),
  failing('error-after', 'error after effect', 'the provider carries it out, and answers 500', 'error'),
  failing(
    'time-out',
    'provider time-out',
    'the provider carries it out, and does not answer in time',
    'silent',
  ),
  ...[zombie, racers, reset, storeKilled, cutMidCommit, restart],
];

/** Bounded, so that a cell that hangs is told from a call that does. */
export const runCell = (cell: Cell, scene: Scene): Promise<void> =>
  within(4 * times.boundMs, `the cell ${cell.name}`, cell.run(scene));
