import {
  LeaseLostError,
  NotCommittedError,
  OutcomeUnknownError,
  RejectedError,
  type HeldEffect,
} from '../../src/core';
import { fingerprintOf, hashRequestId, receiptKey } from '../../src/ids';
import { World } from '../support/guarding';

const begunThen =
  (act: () => unknown) =>
  async (effect: HeldEffect): Promise<unknown> => {
    effect.begin();
    return act();
  };

/** Of the call that the world makes unless told otherwise. */
const key = receiptKey('default', hashRequestId('order:1'));

let world: World;
beforeEach(() => (world = new World()));

describe('a guarded call', () => {
  it('claims before the effect, settles after it, and gives its result', async () => {
    const worker = world.worker();
    const during: unknown[] = [];
    const outcome = await worker.run({
      run: async (effect) => {
        during.push(await world.row());
        return world.charge(effect);
      },
    });
    expect(during).toEqual([
      expect.objectContaining({ state: 'claimed', epoch: 1, policy: 'hold', origin: { worker: 'test' } }),
    ]);
    expect(outcome).toEqual({
      kind: 'result',
      value: 'charge 1',
      replayed: false,
      key,
      requestId: 'order:1',
    });
    expect([await world.state(), worker.asked]).toEqual(['committed', ['claim', 'settle']]);
    expect(worker.events.map((e) => e.type)).toEqual(['claimed', 'settled']);
  });

  it('is answered from the receipt ever after, in any process', async () => {
    await world.worker().run();
    for (let i = 0; i < 3; i++) {
      expect(await world.worker().run()).toEqual({
        kind: 'result',
        value: 'charge 1',
        replayed: true,
        key,
        requestId: 'order:1',
      });
    }
    expect(world.effects).toHaveLength(1);
  });

  // Mutation: `answer === 'in-flight'` treated as unknown fails here.
  it('waits for the holder and gets its result', async () => {
    const slow = world.worker();
    const first = slow.engine.run(
      world.call({ run: begunThen(() => world.clock.sleep(1500).then(() => 'slow')) }),
    );
    await world.clock.advance(10);
    expect(await world.worker().run()).toMatchObject({ value: 'slow', replayed: true });
    expect(await first).toMatchObject({ value: 'slow', replayed: false });
  });

  it('waits no longer than it may, and then asks to come back', async () => {
    void world.worker().engine.run(world.call({ run: begunThen(() => world.clock.sleep(50_000)) }));
    await world.clock.advance(10);
    const from = world.clock.monotonic();
    await expect(world.worker().run()).rejects.toMatchObject({
      code: 'InFlight',
      retryable: true,
      retryAfterMs: 1000,
    });
    expect(world.clock.monotonic() - from).toBeLessThanOrEqual(2000);
    const deadline = world.clock.monotonic() + 300;
    expect(await world.worker().ending({ deadline })).toBe('InFlight');
    expect(world.clock.monotonic()).toBeLessThanOrEqual(deadline);
    const cancel = AbortSignal.abort();
    expect(await world.worker().ending({ signal: cancel })).toBe('InFlight');
    expect(world.clock.monotonic()).toBeLessThanOrEqual(deadline);
  });

  it('is one of many at once: one runs, and all get its result', async () => {
    const calls = Array.from({ length: 20 }, () => world.worker().run());
    const values = (await Promise.all(calls)).map((o) => (o.kind === 'result' ? o.value : o));
    expect(values).toEqual(Array(20).fill('charge 1'));
    expect(world.effects).toHaveLength(1);
  });

  // Invariant 2. Mutation: comparing the fingerprint only on settled rows fails here.
  it.each(['claimed', 'unknown', 'committed', 'rejected', 'released'])(
    'with another payload or action is refused on a %s row, and nothing runs or is returned',
    async (state) => {
      const holder = world.worker();
      const run = {
        claimed: () => new Promise<never>(() => undefined),
        unknown: () => Promise.reject(new Error('reset')),
        committed: () => 'paid',
        rejected: () => Promise.reject(new RejectedError('declined')),
        released: () => Promise.reject(new NotCommittedError('never left')),
      }[state];
      void holder.engine.run(world.call({ run: begunThen(run ?? (() => undefined)) })).catch(() => undefined);
      await world.clock.advance(1);
      expect(await world.state()).toBe(state);
      for (const more of [
        { fingerprint: fingerprintOf('charge', [2]) },
        { action: 'refund', fingerprint: fingerprintOf('refund', [1]) },
      ]) {
        await expect(world.worker().run({ ...more, onUnknown: 'retry' })).rejects.toMatchObject({
          code: 'RequestIdReused',
          retryable: false,
        });
      }
      expect([world.effects.length, await world.state()]).toEqual([0, state]);
    },
  );

  it('does not meet a call of another id', async () => {
    await world.worker().run();
    const other = { requestId: 'order:2', requestIdHash: hashRequestId('order:2') };
    expect(await world.worker().run(other)).toMatchObject({
      value: 'charge 2',
      replayed: false,
      requestId: 'order:2',
    });
  });

  it('hands the same request id and growing epochs to every attempt', async () => {
    const seen: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      await world.worker().ending({
        run: async (effect) => {
          effect.begin();
          seen.push([effect.requestId, effect.epoch]);
          throw new NotCommittedError('never left');
        },
      });
    }
    expect(seen).toEqual([
      ['order:1', 1],
      ['order:1', 2],
      ['order:1', 3],
    ]);
  });
});

describe('an error of the effect', () => {
  it('that says nothing happened releases the claim: the next attempt runs it', async () => {
    const error = new NotCommittedError('the request never left');
    await expect(world.worker().run({ run: begunThen(() => Promise.reject(error)) })).rejects.toBe(error);
    expect(await world.state()).toBe('released');
    expect(await world.worker().run()).toMatchObject({ value: 'charge 1', replayed: false });
    expect(await world.row()).toMatchObject({ state: 'committed', epoch: 2 });
  });

  it('that classify calls not committed becomes NotCommitted with the error as its cause', async () => {
    const thrown = new Error('ECONNREFUSED');
    const call = world
      .worker()
      .run({ classify: () => 'not-committed', run: begunThen(() => Promise.reject(thrown)) });
    await expect(call).rejects.toMatchObject({ code: 'NotCommitted', cause: thrown, requestId: 'order:1' });
    expect(await world.state()).toBe('released');
  });

  // Invariant 3. Mutation: replaying a rejected row as a result fails here.
  it('that says the provider refused is the outcome, the first time and ever after, and never ok', async () => {
    const first = await world
      .worker()
      .run({ run: begunThen(() => Promise.reject(new RejectedError('declined'))) });
    expect(first).toMatchObject({ kind: 'rejected', replayed: false, error: { message: 'declined' } });
    for (const onUnknown of ['hold', 'retry'] as const) {
      expect(await world.worker().run({ onUnknown })).toMatchObject({
        kind: 'rejected',
        replayed: true,
        error: { message: 'declined' },
      });
    }
    expect(world.effects).toHaveLength(0);
  });

  // Mutation: a default class other than unknown fails here.
  it('that says anything else leaves the outcome unknown, with the error as the cause', async () => {
    const thrown = Object.assign(new Error('declined'), { nonRetryable: true, code: 'ECONNREFUSED' });
    const worker = world.worker();
    await expect(worker.run({ run: begunThen(() => Promise.reject(thrown)) })).rejects.toMatchObject({
      ...{ code: 'OutcomeUnknown', cause: thrown, retryable: true, requestId: 'order:1', retryAfterMs: 1000 },
    });
    expect([await world.state(), worker.events.map((e) => e.type)]).toEqual([
      'unknown',
      ['claimed', 'unknown'],
    ]);
  });

  it('that leaves the outcome unknown does not shorten the lease', async () => {
    await world.worker().ending({ run: begunThen(() => Promise.reject(new Error('reset'))) });
    expect((await world.row())?.leaseRemainingMs).toBe(1000);
  });

  it.each([
    ['fail', { retryable: false }],
    ['retry', { retryable: true, retryAfterMs: undefined }], // the caller's own back-off leads to the next attempt
  ] as const)('under %s leaves as %p', async (onUnknown, shape) => {
    const error = await world
      .worker()
      .run({ onUnknown, run: begunThen(() => Promise.reject(new Error('x'))) })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(OutcomeUnknownError);
    expect(error).toMatchObject(shape);
  });

  it('that is thrown before any promise is made means the same', async () => {
    const throwing =
      (begins: boolean) =>
      (effect: HeldEffect): never => {
        if (begins) effect.begin();
        throw new Error('at once');
      };
    expect(await world.worker().ending({ run: throwing(true) })).toBe('OutcomeUnknown');
    const other = { requestId: 'order:2', requestIdHash: hashRequestId('order:2') };
    await expect(world.worker().run({ ...other, run: throwing(false) })).rejects.toThrow('at once');
    expect([await world.state(), (await world.row('order:2'))?.state]).toEqual(['unknown', 'released']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('bug');
      },
    ],
    ['answers rubbish', () => 'retryable' as never],
    ['is async, which cannot be waited for', (async () => 'not-committed') as never],
  ])('is unknown when classify %s', async (_how, classify) => {
    const thrown = new Error('reset');
    const call = world.worker().run({ classify, run: begunThen(() => Promise.reject(thrown)) });
    await expect(call).rejects.toMatchObject({ code: 'OutcomeUnknown', cause: thrown });
    expect(await world.state()).toBe('unknown');
  });

  it('that says no, but has no stored form, is no outcome: the caller learns that it is unknown', async () => {
    const codec = { ...world.call().codec, encodeFailure: () => Promise.reject(new Error('no keys')) };
    const call = world
      .worker()
      .run({ codec, run: begunThen(() => Promise.reject(new RejectedError('declined'))) });
    await expect(call).rejects.toMatchObject({
      code: expect.stringMatching(/^(OutcomeUnknown|ReceiptStoreUnavailable)$/),
    });
    await world.clock.advance(2000);
    expect(await world.worker().ending()).toBe('OutcomeUnknown');
  });
});

describe('an effect that never began', () => {
  // Invariant 8. Mutation: marking it unknown fails here.
  it('gives its claim back when something before it fails, and the error is passed on as it is', async () => {
    const thrown = new RejectedError('an inner interceptor said no');
    await expect(world.worker().run({ run: () => Promise.reject(thrown) })).rejects.toBe(thrown);
    expect([await world.state(), await world.worker().ending()]).toEqual(['released', 'charge 1']);
  });

  it('leaves no receipt when something else answered in its place', async () => {
    expect(await world.worker().run({ run: async () => 'cached' })).toMatchObject({
      kind: 'result',
      value: 'cached',
      replayed: false,
    });
    expect([await world.state(), await world.worker().ending()]).toEqual(['released', 'charge 1']);
  });

  it('is refused when its lease is over by then, and the claim is given back', async () => {
    const late = world.worker();
    late.always = 'hangs'; // no renewal is answered
    late.faults.claim = ['none'];
    late.faults.release = ['none'];
    const ending = late.run({ run: async (effect) => (await world.clock.sleep(1200), world.charge(effect)) });
    await expect(ending).rejects.toBeInstanceOf(LeaseLostError);
    expect([world.effects.length, await world.state()]).toEqual([0, 'released']);
  });
});
