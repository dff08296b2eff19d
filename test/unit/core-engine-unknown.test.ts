import { committed, notCommitted, undetermined, type OnUnknown, type ProbeQuestion } from '../../src/core';
import { receiptKey, hashRequestId } from '../../src/ids';
import { World } from '../support/guarding';

type AnyPolicy = OnUnknown;
const probe = (answer: (question: ProbeQuestion) => unknown): AnyPolicy => answer as AnyPolicy;

let world: World;
beforeEach(() => (world = new World()));

const elapsed = async (work: () => Promise<unknown>): Promise<number> => {
  const from = world.clock.monotonic();
  await work();
  return world.clock.monotonic() - from;
};

describe('at an unknown outcome, hold', () => {
  it('runs nothing, at once, and asks again at growing intervals up to a minute', async () => {
    await world.abandon();
    for (const [attempt, retryAfterMs] of [
      [1, 1000],
      [3, 4000],
      [50, 60_000],
    ] as const) {
      await expect(world.worker().run({ attempt })).rejects.toMatchObject({
        code: 'OutcomeUnknown',
        retryable: true,
        retryAfterMs,
      });
    }
    expect(await elapsed(() => world.worker().ending())).toBe(0);
    expect(world.effects).toHaveLength(0);
  });

  it('says how to resolve it, and goes on by itself once it is resolved', async () => {
    await world.abandon();
    await expect(world.worker().run()).rejects.toThrow(/activity-guard show 'order:1'/);
    const outcome = await world.call().codec.encodeResult('seen in the console');
    const { key, epoch } = (await world.row()) ?? { key: '', epoch: 0 };
    await world.receipts.resolve({ key, epoch, verdict: 'committed', source: 'operator', outcome });
    expect(await world.worker().run()).toMatchObject({ value: 'seen in the console', replayed: true });
  });
});

describe('at an unknown outcome, fail', () => {
  it('runs nothing and leaves the decision to the caller, every time', async () => {
    await world.abandon({ onUnknown: 'fail' });
    for (let i = 0; i < 2; i++) {
      await expect(world.worker().run({ onUnknown: 'fail' })).rejects.toMatchObject({
        code: 'OutcomeUnknown',
        retryable: false,
        message: expect.stringContaining("activity-guard show 'order:1'") as string,
      });
    }
    expect(world.effects).toHaveLength(0);
  });
});

describe('at an unknown outcome, retry', () => {
  // Invariant 1. Mutation: a new request id, or the same epoch, fails here.
  it('runs the effect again with the same request id under the next epoch', async () => {
    await world.abandon({ onUnknown: 'retry' });
    expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('charge 1');
    expect(world.effects).toEqual([{ requestId: 'order:1', epoch: 2 }]);
  });

  it('waits while the holder may still live', async () => {
    const holder = world.worker();
    void holder.engine.run(
      world.call({ onUnknown: 'retry', run: async (e) => (e.begin(), world.clock.sleep(50_000)) }),
    );
    await world.clock.advance(10);
    expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('InFlight');
  });

  // Mutation: counting from the last claim fails the second take-over.
  it("holds once the provider's keys are too old, counted from the first claim", async () => {
    const retry = { onUnknown: 'retry', providerKeyTtlMs: 5000 } as const;
    await world.abandon(retry);
    await world.abandon({ ...retry, leaseMs: 3499 });
    expect([(await world.row())?.epoch, (await world.row())?.ageMs]).toEqual([2, 4499]);
    await world.clock.advance(1); // what is sent now may arrive when the grace time is over, and so are the keys
    const worker = world.worker();
    expect(await worker.ending(retry)).toBe('OutcomeUnknown');
    expect([world.effects, worker.asked]).toEqual([[], ['claim', 'get']]); // it does not even try
  });
});

describe('at an unknown outcome, a probe', () => {
  const found = probe(() => committed('ch_1'));
  const nothing = probe(() => notCommitted());

  it('that finds the effect settles the receipt with what it found, at once, for every caller', async () => {
    await world.abandon({ onUnknown: found });
    const worker = world.worker();
    expect(await worker.run({ onUnknown: found })).toMatchObject({ value: 'ch_1', replayed: true });
    expect([await world.state(), await world.verdicts()]).toEqual(['committed', ['probe: committed (1)']]);
    expect(worker.events.map((e) => e.type)).toEqual(['unknown', 'resolved', 'replayed']);
    expect(world.effects).toHaveLength(0);
  });

  it('is told which claim it is about', async () => {
    await world.abandon({ onUnknown: found });
    const asked: ProbeQuestion[] = [];
    await world.worker().ending({ onUnknown: probe((question) => (asked.push(question), committed(1))) });
    expect(asked).toEqual([
      {
        ...{ requestId: 'order:1', payload: [1], signal: expect.any(AbortSignal) },
        claim: {
          action: 'charge',
          epoch: 1,
          ageMs: 1000,
          claimedAt: expect.stringMatching(/^2030-01-01T/),
          origin: { worker: 'test' },
        },
      },
    ]);
  });

  // Invariant 1. Mutation: no grace, or counting from the end of the probe, fails here.
  it('that finds nothing counts only if it was asked the grace time after the end of the lease', async () => {
    await world.abandon({ onUnknown: nothing });
    const asked: number[] = [];
    const from = world.clock.monotonic();
    const onUnknown = probe(async () => {
      asked.push(world.clock.monotonic() - from);
      await world.clock.sleep(300);
      return notCommitted();
    });
    expect(await world.worker().ending({ onUnknown })).toBe('charge 1');
    expect(asked).toEqual([0, 800]); // 500 ms of grace after the first answer came
    expect(world.effects).toEqual([{ requestId: 'order:1', epoch: 2 }]);
  });

  // Mutation: counting from the answer fails here.
  it('that finds nothing does not count if it was asked too early, however late it answers', async () => {
    await world.abandon({ onUnknown: nothing });
    const asked: number[] = [];
    const from = world.clock.monotonic();
    const onUnknown = probe(async () => {
      asked.push(world.clock.monotonic() - from);
      await world.clock.sleep(700);
      return notCommitted();
    });
    expect(await world.worker().ending({ onUnknown, waitMs: 5000 })).toBe('charge 1');
    expect(asked).toEqual([0, 1200]); // the first answer came after the grace, but was looked up before
  });

  // Mutation: giving up at the first "undetermined" fails here.
  it('that cannot say yet is asked again while the call may wait', async () => {
    await world.abandon({ onUnknown: found });
    let asked = 0;
    const onUnknown = probe(() => (++asked === 1 ? undetermined() : committed('ch_1')));
    expect([await world.worker().ending({ onUnknown }), asked]).toEqual(['ch_1', 2]);
  });

  it('that finds nothing counts after a failed attempt too only when its lease and the grace are over', async () => {
    const onUnknown = nothing;
    await world
      .worker()
      .ending({ onUnknown, run: async (e) => (e.begin(), Promise.reject(new Error('reset'))) });
    expect(await elapsed(() => world.worker().ending({ onUnknown }))).toBe(1500);
    expect(world.effects).toHaveLength(1);
  });

  it('that would have to wait too long asks the caller to come back then', async () => {
    await world.abandon({ onUnknown: nothing });
    const call = world.worker().run({ onUnknown: nothing, graceMs: 30_000 });
    await expect(call).rejects.toMatchObject({
      code: 'OutcomeUnknown',
      retryable: true,
      retryAfterMs: 30_000,
    });
    expect(world.effects).toHaveLength(0);
  });

  const inconclusive: [string, (question: ProbeQuestion) => unknown][] = [
    ['cannot say', () => undetermined()],
    [
      'throws',
      () => {
        throw new Error('503');
      },
    ],
    ['rejects', () => Promise.reject(new Error('503'))],
    ['answers nothing', () => undefined],
    ['answers null', () => null],
    ['answers a bare boolean', () => true],
    ['answers something else', () => ({ verdict: 'maybe' })],
    ['forgets to call the function', () => notCommitted],
    ['never answers', () => new Promise(() => undefined)],
  ];

  // Invariant 3. Mutation: taking anything but the exact verdicts for a "no" fails here.
  it.each(inconclusive)('that %s leaves the outcome on hold, and is asked again', async (_how, answer) => {
    await world.abandon({ onUnknown: nothing });
    await world.clock.advance(10_000);
    let asked = 0;
    const onUnknown = probe((question) => (asked++, answer(question)));
    const waited = await elapsed(async () =>
      expect(await world.worker().ending({ onUnknown })).toBe('OutcomeUnknown'),
    );
    expect([world.effects.length, await world.state()]).toEqual([0, 'claimed']);
    expect(waited).toBeLessThanOrEqual(30_000 + 2000); // a silent one is given half a minute
    expect(asked).toBeGreaterThanOrEqual(1);
    expect(await world.worker().ending({ onUnknown: found })).toBe('ch_1');
  });

  it('that never answers is told to stop, and keeps no call beyond its attempt', async () => {
    await world.abandon({ onUnknown: nothing });
    let signal: AbortSignal | undefined;
    const onUnknown = probe((question) => ((signal = question.signal), new Promise(() => undefined)));
    const deadline = world.clock.monotonic() + 3000;
    expect(await world.worker().ending({ onUnknown, deadline })).toBe('OutcomeUnknown');
    expect([world.clock.monotonic(), signal?.aborted]).toEqual([deadline, true]);
  });

  it('that finds an effect whose result cannot be stored still settles it: it never runs again', async () => {
    await world.abandon({ onUnknown: found });
    expect(await world.worker().ending({ onUnknown: probe(() => committed(1n)) })).toBe('ResultUnavailable');
    expect([await world.state(), await world.worker().ending()]).toEqual(['committed', 'ResultUnavailable']);
  });

  it('that finds nothing is overruled by evidence that it happened', async () => {
    await world.abandon({ onUnknown: nothing });
    const key = receiptKey('default', hashRequestId('order:1'));
    // Somebody else's claim of another epoch was settled late: kept as evidence.
    await world.receipts.settle({
      key,
      token: 'stale',
      epoch: 7,
      state: 'committed',
      outcome: await world.call().codec.encodeResult('what the other one got'),
    });
    await world.clock.advance(10_000);
    expect(await world.worker().ending({ onUnknown: nothing })).toBe('what the other one got');
    expect(world.effects).toHaveLength(0);
  });

  it('leaves no timer behind once it has answered', async () => {
    await world.abandon({ onUnknown: found });
    await world.clock.advance(100_000);
    expect(world.clock.sleeping).toBe(0);
    await world.worker().ending({ onUnknown: found });
    expect(world.clock.sleeping).toBe(0);
  });
});

describe('where two callers of one id differ', () => {
  const found = probe(() => committed('ch_1'));
  // Mutation: governing by the caller's own policy fails here.
  it.each<[string, AnyPolicy, string, AnyPolicy, string]>([
    ['hold', 'hold', 'retry', 'retry', 'OutcomeUnknown'],
    ['hold', 'hold', 'a probe', found, 'OutcomeUnknown'],
    ['a probe', found, 'retry', 'retry', 'OutcomeUnknown'],
    ['retry', 'retry', 'hold', 'hold', 'OutcomeUnknown'],
    ['retry', 'retry', 'fail', 'fail', 'OutcomeUnknown'],
    ['retry', 'retry', 'a probe', found, 'ch_1'],
  ])(
    'the stricter governs: claimed under %s, called with %s',
    async (_stored, stored, _mine, mine, ending) => {
      await world.abandon({ onUnknown: stored });
      expect(await world.worker().ending({ onUnknown: mine })).toBe(ending);
      expect(world.effects).toHaveLength(0);
    },
  );
});
