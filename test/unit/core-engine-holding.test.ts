import { LeaseLostError, NotCommittedError, RejectedError, type HeldEffect } from '../../src/core';
import { World } from '../support/guarding';

let world: World;
beforeEach(() => (world = new World()));

const failing =
  (error: Error) =>
  async (effect: HeldEffect): Promise<never> => {
    effect.begin();
    throw error;
  };

describe('while its effect runs, a claim', () => {
  it('is renewed for as long as it takes, and nobody else runs', async () => {
    const holder = world.worker();
    const first = holder.engine.run(
      world.call({ run: async (e) => (e.begin(), await world.clock.sleep(55_000), 'done') }),
    );
    for (let i = 0; i < 9; i++) {
      await world.clock.advance(3000);
      expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('InFlight');
    }
    expect(await world.clock.until(first)).toMatchObject({ value: 'done' });
    expect(world.effects).toHaveLength(0);
  });

  // Mutation: begin() without its own check fails here.
  it('starts its effect once: the second start is refused', async () => {
    const ending = world.worker().run({
      run: async (effect) => {
        await world.charge(effect);
        return world.charge(effect);
      },
    });
    await expect(ending).rejects.toMatchObject({ code: 'OutcomeUnknown', cause: { code: 'InvalidRequest' } });
    expect([world.effects.length, await world.state()]).toEqual([1, 'unknown']);
  });

  it('stops being renewed when the attempt must be over, and is then given up', async () => {
    const worker = world.worker();
    const signals: AbortSignal[] = [];
    void worker.engine.run(
      world.call({
        deadline: world.clock.monotonic() + 5000,
        run: async (effect) => (
          effect.begin(), signals.push(effect.signal), new Promise<never>(() => undefined)
        ),
      }),
    );
    await world.clock.advance(5500);
    expect(signals[0]?.aborted).toBe(false);
    await world.clock.advance(2000);
    expect(signals[0]?.reason).toBeInstanceOf(LeaseLostError);
    expect(await world.worker().ending()).toBe('OutcomeUnknown');
  });

  it('that cannot be renewed tells the effect to stop, and fence() refuses to go on', async () => {
    const worker = world.worker();
    worker.faults.renew = Array(1000).fill('refused') as 'refused'[];
    const seen: unknown[] = [];
    const ending = worker.ending({
      run: async (effect) => {
        effect.begin();
        effect.fence();
        await world.clock.sleep(5000, effect.signal);
        seen.push(effect.signal.reason instanceof LeaseLostError, (await world.row())?.leaseRemainingMs);
        effect.fence();
        await world.charge(effect);
      },
    });
    expect(await ending).toBe('OutcomeUnknown');
    expect([world.effects.length, seen[0]]).toEqual([0, true]);
    expect(seen[1]).toBeGreaterThan(0); // stopped before the lease was over
  });

  // Mutation: a signal that only the caller aborts fails here.
  it('that is lost aborts the signal of an effect whose caller could cancel it, too', async () => {
    const worker = world.worker();
    worker.faults.renew = Array(1000).fill('refused') as 'refused'[];
    let aborted = false;
    const run = async (effect: HeldEffect): Promise<unknown> => {
      effect.begin();
      await world.clock.sleep(5000, effect.signal);
      aborted = effect.signal.reason instanceof LeaseLostError;
      throw new Error('stopped');
    };
    expect(await worker.ending({ run, signal: new AbortController().signal })).toBe('OutcomeUnknown');
    expect(aborted).toBe(true);
  });

  it('lets a caller cancel its effect without giving the claim away', async () => {
    const cancel = new AbortController();
    const worker = world.worker();
    let told: unknown;
    const ending = worker.ending({
      signal: cancel.signal,
      run: async (effect) => {
        effect.begin();
        setImmediate(() => cancel.abort(new Error('cancelled')));
        await world.clock.sleep(60_000, effect.signal);
        effect.fence();
        throw (told = effect.signal.reason);
      },
    });
    expect([await ending, await world.state()]).toEqual(['OutcomeUnknown', 'unknown']);
    // Mutation: a signal that only the claim aborts.
    expect(told).toMatchObject({ message: 'cancelled' });
  });
});

describe('a call that has ended', () => {
  it('leaves no timer behind that would keep a script from ending', async () => {
    expect(await world.worker().ending({ leaseMs: 30_000 })).toBe('charge 1');
    expect(world.clock.sleeping).toBe(0);
  });
});

describe('a holder that comes back late', () => {
  /** Starts a holder whose renewals stop, and lets its lease run out; `finish` then ends its effect. */
  async function zombie(onUnknown: 'hold' | 'retry' = 'hold') {
    const worker = world.worker();
    worker.faults.renew = Array(1000).fill('hangs') as 'hangs'[];
    let finish: (value: unknown) => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const call = worker.engine.run(
      world.call({
        onUnknown,
        run: async (effect) => {
          effect.begin();
          world.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
          return new Promise((resolve, reject) => ([finish, fail] = [resolve, reject]));
        },
      }),
    );
    await world.clock.advance(3000);
    return {
      worker,
      settle: async (value: unknown) => (finish(value), world.clock.until(call)),
      reject: async (error: Error) => (fail(error), world.clock.until(call)),
    };
  }

  it('settles its own unknown outcome, and everybody gets its result', async () => {
    const late = await zombie();
    expect(await world.worker().ending()).toBe('OutcomeUnknown');
    expect(await late.settle('late but true')).toMatchObject({ value: 'late but true' });
    expect([await world.state(), await world.worker().ending()]).toEqual(['committed', 'late but true']);
    expect(world.effects).toHaveLength(1);
  });

  // Invariant 6. Mutation: settling without the token fails here.
  it('changes nothing once somebody else has claimed: what it says is kept beside the receipt', async () => {
    const late = await zombie('retry');
    expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('charge 2');
    const receipt = await world.row();
    expect(await late.settle('mine')).toMatchObject({ value: 'mine' });
    expect({ ...(await world.row()), ageMs: 0, leaseRemainingMs: 0 }).toEqual({
      ...receipt,
      ageMs: 0,
      leaseRemainingMs: 0,
    });
    expect([await world.verdicts(), late.worker.events.at(-1)?.type]).toEqual([
      ['attempt: undetermined (1)', 'late-settle: committed (1)'],
      'late',
    ]);
    expect(await world.worker().ending()).toBe('charge 2');
  });

  // Invariant 3. Mutation: passing on a rejection that came too late fails here.
  it('with a rejection gives it to nobody, not even its own caller, once somebody else has claimed', async () => {
    const late = await zombie('retry');
    expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('charge 2');
    await expect(late.reject(new RejectedError('declined'))).rejects.toMatchObject({
      ...{ code: 'OutcomeUnknown', retryable: true },
    });
    expect(await world.verdicts()).toEqual(['attempt: undetermined (1)', 'late-settle: rejected (1)']);
    expect(await world.worker().ending()).toBe('charge 2');
  });

  it('settles what was wrongly released before anybody claimed it again', async () => {
    const late = await zombie();
    await world.receipts.resolve({
      ...{ key: (await world.row())?.key ?? '', epoch: 1 },
      verdict: 'not-committed',
      source: 'operator',
    });
    expect(await world.state()).toBe('released');
    await late.settle('it had happened');
    expect(await world.worker().ending()).toBe('it had happened');
    expect(world.effects).toHaveLength(1);
  });
});

describe('a claim taken over from an unknown one', () => {
  const retry = { onUnknown: 'retry' } as const;
  beforeEach(() => world.abandon(retry));

  // Invariant 3. The earlier attempt may have happened: a "no" of this one must not be passed on as an answer.
  it('goes back to unknown when the effect says that nothing happened, and the caller is told so', async () => {
    const thrown = new NotCommittedError('never left');
    await expect(world.worker().run({ ...retry, run: failing(thrown) })).rejects.toMatchObject({
      code: 'OutcomeUnknown',
      cause: thrown,
    });
    expect([await world.state(), await world.worker().ending()]).toEqual(['unknown', 'OutcomeUnknown']);
  });

  it('does not report a release that did not take place', async () => {
    const worker = world.worker();
    await worker.ending({ ...retry, run: failing(new NotCommittedError('never left')) });
    expect(worker.events.map((e) => e.type)).not.toContain('released');
  });

  // Mutation: `answer === settled` weakened to "any answer" fails here.
  it('goes back to unknown when the provider refuses, and the refusal is not an outcome', async () => {
    const thrown = new RejectedError('declined');
    await expect(world.worker().run({ ...retry, run: failing(thrown) })).rejects.toMatchObject({
      code: 'OutcomeUnknown',
      cause: thrown,
    });
    expect([await world.state(), await world.worker().ending()]).toEqual(['unknown', 'OutcomeUnknown']);
  });

  it('goes back to unknown when it never began', async () => {
    await world.worker().ending({ ...retry, run: () => Promise.reject(new Error('before')) });
    expect(await world.state()).toBe('unknown');
  });

  it('is settled for good by a result', async () => {
    expect(await world.worker().ending(retry)).toBe('charge 1');
    expect(await world.state()).toBe('committed');
  });

  it('is free of doubt once evidence has said that nothing happened', async () => {
    const { key = '' } = (await world.row()) ?? {};
    await world.clock.advance(500); // the grace time
    expect(
      await world.receipts.resolve({ key, epoch: 1, verdict: 'not-committed', source: 'operator' }),
    ).toBe(true);
    const thrown = new RejectedError('declined');
    expect(await world.worker().run({ ...retry, run: failing(thrown) })).toMatchObject({ kind: 'rejected' });
    expect(await world.state()).toBe('rejected');
  });
});

describe('a result that has no stored form', () => {
  // Invariant 1. Mutation: marking it unknown, or releasing it, runs the effect again.
  it('is still known to have happened: the caller is told, and it never runs again', async () => {
    const run = async (effect: HeldEffect): Promise<unknown> => (await world.charge(effect), 1n);
    await expect(world.worker().run({ run })).rejects.toMatchObject({
      code: 'ResultUnavailable',
      retryable: false,
      requestId: 'order:1',
    });
    expect(await world.state()).toBe('committed');
    for (const onUnknown of ['hold', 'retry'] as const)
      expect(await world.worker().ending({ onUnknown })).toBe('ResultUnavailable');
    expect(world.effects).toHaveLength(1);
  });

  it('or cannot be read back is not taken for another one', async () => {
    await world.worker().run();
    const codec = { ...world.call().codec, decodeResult: () => Promise.reject(new Error('wrong key')) };
    await expect(world.worker().run({ codec })).rejects.toMatchObject({
      code: 'ResultUnavailable',
      cause: { message: 'wrong key' },
    });
    expect(world.effects).toHaveLength(1);
  });
});

describe('an effect that is started only after its call has ended', () => {
  // Mutation: fencing by the lease alone fails here.
  it('is refused, for the claim was given back and a retry may have run it', async () => {
    const world = new World();
    let late: HeldEffect | undefined;
    const run = async (effect: HeldEffect): Promise<never> => (
      (late = effect), Promise.reject(new Error('too slow'))
    );
    await expect(world.worker().run({ run })).rejects.toThrow('too slow');
    expect(await world.worker().ending()).toBe('charge 1');
    expect(() => late?.begin()).toThrow(LeaseLostError);
    expect(() => late?.fence()).toThrow(LeaseLostError);
    expect(world.effects).toHaveLength(1);
  });
});
