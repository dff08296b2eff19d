/** The clocks of this machine. */
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

import type { Clock } from './core';

/** Node's timers hold 31 bits of milliseconds; longer waits are asked again by whoever waits. */
const longestSleepMs = 2 ** 31 - 1;

/** Node keeps a list of timers per length: those that only end a long wait share one. */
const coarseMs = 64;
const coarse = (ms: number): number => (ms < 1000 ? ms : Math.ceil(ms / coarseMs) * coarseMs);

const bounded = (ms: number): number => Math.min(Math.max(0, ms), longestSleepMs - coarseMs);

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, coarse(bounded(ms)));
    return () => clearTimeout(timer);
  },
  sleep: async (ms, signal) => {
    await delay(bounded(ms), undefined, signal ? { signal } : undefined).catch(() => undefined);
  },
};
