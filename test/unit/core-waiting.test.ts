/** Waiting: what ends a wait, and that nothing is left of it. */
import { LeaseLostError, type GuardedCall, type HeldEffect } from '../../src/core';
import { Ends } from '../../src/core/ends';
import { inTime } from '../../src/core/in-time';
import { FakeClock } from '../support/fake-clock';
import { World } from '../support/guarding';

/** How many times an abort of the signal would be heard. */
function counted(): { signal: AbortSignal; listeners: () => number; abort: () => void } {
  const controller = new AbortController();
  const { signal } = controller;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  let listeners = 0;
  signal.addEventListener = (...all: Parameters<typeof add>) => (listeners++, add(...all));
  signal.removeEventListener = (...all: Parameters<typeof remove>) => (listeners--, remove(...all));
  return { signal, listeners: () => listeners, abort: () => controller.abort() };
}

describe('a call that waits for another one', () => {
  let clock: FakeClock;
  let ends: Ends;
  beforeEach(() => {
    clock = new FakeClock();
    ends = new Ends(clock);
  });
  const keys = (): number => (ends as unknown as { waiting: Map<string, unknown> }).waiting.size;
  const waiting = (ms: number, signal?: AbortSignal) => {
    const wait = { isOver: false };
    void ends.wait('key', ms, signal).then(() => (wait.isOver = true));
    return wait;
  };

  it.each(['ends', 'is cancelled', 'has waited long enough'])('goes on when that one %s', async (how) => {
    const { signal, listeners, abort } = counted();
    const [wait, other] = [waiting(500, signal), waiting(10_000)];
    await clock.advance(499);
    expect([wait.isOver, clock.sleeping, listeners()]).toEqual([false, 2, 1]);
    if (how === 'ends') ends.tell('key');
    if (how === 'is cancelled') abort();
    await clock.advance(how === 'has waited long enough' ? 1 : 0);
    expect([wait.isOver, other.isOver]).toEqual([true, how === 'ends']);
    expect([clock.sleeping, listeners()]).toEqual([how === 'ends' ? 0 : 1, 0]);
    ends.tell('key');
    expect([clock.sleeping, keys()]).toEqual([0, 0]);
  });

  it('does not wait where it is cancelled already, nor for another key', async () => {
    const wait = waiting(500);
    ends.tell('another key');
    const cancelled = waiting(500, AbortSignal.abort());
    await clock.advance(0);
    expect([wait.isOver, cancelled.isOver, clock.sleeping]).toEqual([false, true, 1]);
  });

  // Mutation: an end that nobody is told of: the next look is far away.
  it('has its result in the moment in which that one has written it', async () => {
    const world = new World();
    const worker = world.worker();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await world.clock.sleep(5100);
      return 'done';
    };
    const calls = [1, 2, 3].map(() => worker.engine.run(world.call({ run, waitMs: 20_000 })));
    const endedAt: number[] = [];
    for (const call of calls) void call.then(() => endedAt.push(world.clock.monotonic()));
    await world.clock.advance(6000);
    expect(endedAt).toEqual([6100, 6100, 6100]);
    expect(world.clock.sleeping).toBe(0);
  });

  // A look begun just before the end of the waiting had no time to be answered, and the receipts were taken for away.
  it('has its last look answered, too', async () => {
    const world = new World();
    const run: GuardedCall['run'] = (effect) => {
      effect.begin();
      return world.clock.sleep(60_000);
    };
    void world.worker().engine.run(world.call({ run, leaseMs: 60_000 }));
    await world.clock.advance(0);
    const claim = world.receipts.claim.bind(world.receipts);
    jest.spyOn(world.receipts, 'claim').mockImplementation(async (request) => {
      await world.clock.sleep(100);
      return claim(request);
    });
    const waiting = world.worker();
    expect(await waiting.ending({ waitMs: 3300 })).toBe('InFlight');
    expect(waiting.events.map(({ type }) => type)).not.toContain('store-error');
  });
});

describe('an answer that is waited for', () => {
  it.each<[string, () => Promise<string>]>([
    ['comes', async () => 'here'],
    ['fails', () => Promise.reject(new Error('here'))],
  ])('leaves no timer when it %s', async (_how, answer) => {
    const clock = new FakeClock();
    const heard = inTime(clock, 1000, answer(), () => new Error('late')).catch((e: Error) => e.message);
    expect([await heard, clock.sleeping]).toEqual(['here', 0]);
  });
});

describe('what is asked for only after the end', () => {
  // Mutation: a signal that is made when it is first asked for, and is never aborted where that was too late.
  it.each([false, true])('is a signal that says so: where the effect fails (%s)', async (fails) => {
    const world = new World();
    let effect: HeldEffect | undefined;
    await world.worker().ending({
      run: async (held) => {
        (effect = held).begin();
        if (fails) throw new Error('timed out, and the request is still queued');
      },
    });
    expect([effect?.signal.aborted, effect?.signal.reason]).toEqual([true, expect.any(LeaseLostError)]);
  });

  it('is no timer: a drain and a lease leave none', async () => {
    const world = new World();
    const { engine } = world.worker();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await world.clock.sleep(100);
    };
    void engine.run(world.call({ run, leaseMs: 60_000 }));
    await world.clock.advance(10);
    expect(await world.clock.until(engine.drain(10_000))).toBe(true);
    expect(world.clock.sleeping).toBe(0);
  });
});
