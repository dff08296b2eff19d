import { RejectedError, ResultUnavailableError, type HeldEffect, type OutcomeCodec } from '../../src/core';
import { hashRequestId } from '../../src/ids';
import { World } from '../support/guarding';

let world: World;
beforeEach(() => (world = new World()));

const lasting =
  (ms: number) =>
  async (effect: HeldEffect): Promise<unknown> => {
    effect.begin();
    await world.clock.sleep(ms);
    return 'done';
  };

describe('draining an engine', () => {
  it('with nothing in flight is over at once', async () => {
    expect(await world.worker().engine.drain(1000)).toBe(true);
    expect(world.clock.sleeping).toBe(0);
  });

  // Mutation: not tracking the calls makes drain answer before the receipt is written.
  it('waits until the effects have ended and their receipts are written', async () => {
    const { engine } = world.worker();
    void engine.run(world.call({ run: lasting(3000) }));
    await world.clock.advance(10);
    expect([await world.clock.until(engine.drain(10_000)), await world.state()]).toEqual([true, 'committed']);
    expect(world.clock.monotonic()).toBeLessThan(1000 + 4000);
  });

  // Mutation: waiting for the calls without a limit hangs here.
  it('gives up when its time is over, and leaves the effect its claim', async () => {
    const { engine } = world.worker();
    const call = engine.run(world.call({ run: lasting(20_000) }));
    await world.clock.advance(10);
    expect([await world.clock.until(engine.drain(5000)), await world.state()]).toEqual([false, 'claimed']);
    expect(await world.clock.until(call)).toMatchObject({ value: 'done' });
    expect(await world.state()).toBe('committed');
  });

  it('waits for calls that fail, and does not fail itself', async () => {
    const { engine } = world.worker();
    const failing = async (effect: HeldEffect): Promise<unknown> => {
      await lasting(500)(effect);
      throw new Error('socket hang up');
    };
    const call = engine.run(world.call({ run: failing })).catch((error: Error) => error.name);
    await world.clock.advance(10);
    expect([await world.clock.until(engine.drain(5000)), await world.state()]).toEqual([true, 'unknown']);
    expect(await call).toBe('OutcomeUnknownError');
  });

  // Mutation: not tracking the give-back makes drain answer while the claim still stands.
  it('waits until a claim that was perhaps made is given back', async () => {
    const worker = world.worker();
    worker.faults.claim = Array.from({ length: 100 }, () => 'lost' as const);
    worker.faults.release = ['refused', 'refused'];
    const call = worker.engine.run(world.call({ waitMs: 10 })).catch((error: { code: string }) => error.code);
    expect(await world.clock.until(call)).toBe('ReceiptStoreUnavailable');
    expect([await world.clock.until(worker.engine.drain(5000)), await world.state()]).toEqual([
      true,
      'released',
    ]);
  });
});

describe('a codec that answers at once', () => {
  const answering = (fails = 0): OutcomeCodec => {
    let left = fails;
    const encode = (format: string, value: unknown) => {
      if (left-- > 0) throw new Error('no key yet');
      return { format, bytes: Buffer.from(JSON.stringify(value)) };
    };
    const decode = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());
    return {
      encodeResult: (value) => encode('json', value),
      decodeResult: ({ bytes }) => decode(bytes),
      encodeFailure: (error) => encode('failure', (error as Error).message),
      decodeFailure: ({ bytes }) => new RejectedError(String(decode(bytes))),
    };
  };
  const declined = async (effect: HeldEffect): Promise<never> => (
    effect.begin(), Promise.reject(new RejectedError('declined'))
  );

  // Mutations: waiting for what is no promise; asking again only a codec whose promise fails.
  it.each([0, 2])('keeps a result and gives it back, also after it has thrown %i times', async (fails) => {
    const codec = answering(fails);
    const endings = [await world.worker().ending({ codec }), await world.worker().ending({ codec })];
    expect([endings, world.effects.length]).toEqual([['charge 1', 'charge 1'], 1]);
  });

  it('keeps a rejection and gives it back', async () => {
    const call = { codec: answering(), run: declined };
    const endings = [await world.worker().ending(call), await world.worker().ending(call)];
    expect(endings).toEqual(Array(2).fill(expect.stringMatching(/^rejected: .*declined$/)));
  });
});

describe('a codec that fails', () => {
  const away = (times: number) => {
    const { codec } = world.call();
    let left = times;
    let asked = 0;
    const failing = async (value: unknown) => {
      asked++;
      if (left-- > 0) throw new Error('the key service is away');
      return codec.encodeResult(value);
    };
    return { codec: { ...codec, encodeResult: failing }, asked: () => asked };
  };

  // Mutation: one try, or no bound on the tries, fails here.
  it.each([
    ['four times', 4, 5, 'charge 1', 'json'],
    ['for ever', 1e9, 5, 'ResultUnavailable', 'none'],
  ])('%s after the effect is asked at most five times', async (_name, times, tries, ending, format) => {
    const { codec, asked } = away(times);
    expect(await world.worker().ending({ codec })).toBe(ending);
    expect([asked(), (await world.row())?.outcome?.format, world.effects.length]).toEqual([tries, format, 1]);
  });

  // Mutation: asking as often as usual, however little is left of the attempt.
  it('is not asked long after the attempt is over', async () => {
    const { codec, asked } = away(1e9);
    const deadline = world.clock.monotonic() + 1;
    expect(await world.worker().ending({ codec, deadline })).toBe('ResultUnavailable');
    expect([asked(), world.clock.monotonic() <= deadline + 2000]).toEqual([4, true]);
  });

  // Mutation: taking a failure without a reason for none.
  it('without giving a reason has failed', async () => {
    const encodeResult = () => new Promise<never>((_, reject) => (reject as () => void)());
    expect(await world.worker().ending({ codec: { ...world.call().codec, encodeResult } })).toBe(
      'ResultUnavailable',
    );
  });

  // Mutation: awaiting the codec without a limit hangs here.
  it('by hanging costs the result, not the knowledge that the effect happened', async () => {
    const codec = { ...world.call().codec, encodeResult: () => new Promise<never>(() => undefined) };
    expect(await world.worker().ending({ codec })).toBe('ResultUnavailable');
    expect([await world.state(), await world.worker().ending()]).toEqual(['committed', 'ResultUnavailable']);
  });

  // Mutation: resolving without a result when the codec is away loses what the probe can tell again.
  it('on the answer of a probe leaves the outcome unknown, to be asked again', async () => {
    const onUnknown = () => ({ verdict: 'committed', result: 'seen' }) as const;
    await world.abandon({ onUnknown });
    const { codec } = away(1e9);
    expect(await world.worker().ending({ onUnknown, codec })).toBe('OutcomeUnknown');
    expect(await world.worker().ending({ onUnknown })).toBe('seen');
  });

  it('while a receipt is read makes the call retryable, and later attempts wait longer', async () => {
    await world.worker().run();
    const codec = { ...world.call().codec, decodeResult: () => Promise.reject(new Error('away')) };
    for (const [attempt, retryAfterMs] of [
      [1, 1000],
      [3, 4000],
      [99, 60_000],
    ]) {
      const run = world.worker().run({ codec, attempt: attempt ?? 1 });
      await expect(run).rejects.toMatchObject({
        code: 'ResultUnavailable',
        retryable: true,
        requestId: 'order:1',
        retryAfterMs,
      });
    }
    expect(world.effects).toHaveLength(1);
  });

  // Mutation: awaiting what is read without a limit hangs here.
  it('by hanging while a receipt is read makes the call retryable', async () => {
    await world.worker().run();
    const codec = { ...world.call().codec, decodeResult: () => new Promise<never>(() => undefined) };
    const ended = world.worker().run({ codec });
    await expect(ended).rejects.toMatchObject({ code: 'ResultUnavailable', retryable: true });
  });

  // Mutations: reading again what was never stored, or what the codec itself calls unreadable.
  it('has nothing to do with what no receipt holds: that is final', async () => {
    const { codec } = away(1e9);
    await world.worker().ending({ codec });
    await expect(world.worker().run()).rejects.toMatchObject({ code: 'ResultUnavailable', retryable: false });

    const other = { requestId: 'order:2', requestIdHash: hashRequestId('order:2') };
    await world.worker().run(other);
    const unreadable = async () => Promise.reject(new ResultUnavailableError('another format'));
    const run = world.worker().run({ ...other, codec: { ...codec, decodeResult: unreadable } });
    await expect(run).rejects.toMatchObject({ retryable: false, requestId: 'order:2' });
  });
});
