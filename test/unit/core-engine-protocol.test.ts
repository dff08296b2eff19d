/** Delegation, generations, transactions, tombstones and providers that forget, in the engine. */
import { inspect } from 'node:util';

import {
  InvalidRequestError,
  LeaseLostError,
  noResult,
  notCommitted,
  NotCommittedError,
  OutcomeUnknownError,
  RejectedError,
  currentEffect,
  type GuardedCall,
  type HeldEffect,
} from '../../src/core';
import { fingerprintOf, generationId, hashRequestId, receiptKey } from '../../src/ids';
import { World } from '../support/guarding';

class Elsewhere extends Error {}
const isDelegation = (thrown: unknown): boolean => thrown instanceof Elsewhere;

const handOver: GuardedCall['run'] = async (effect) => {
  effect.begin();
  throw new Elsewhere();
};

describe('an effect that goes on elsewhere', () => {
  // Mutation: delegation as an unknown outcome, or one that a lease can end.
  it('keeps its claim without a lease, and later callers wait for its result', async () => {
    const world = new World();
    expect(await world.worker().ending({ run: handOver, isDelegation })).toBe('delegated');
    await world.clock.advance(3_600_000);
    const later = world.worker();
    expect(await later.ending({ onUnknown: 'retry' })).toBe('InFlight');
    expect([await world.state(), world.effects]).toEqual(['delegated', []]);

    const row = await world.row();
    if (!row) throw new Error('no row');
    const outcome = { format: 'json', bytes: new TextEncoder().encode('["paid"]') };
    await world.receipts.settle({ ...row, state: 'committed', outcome });
    expect(await later.ending()).toBe('paid');
  });

  it('gives its result to a caller that waits at that moment', async () => {
    const world = new World();
    await world.worker().ending({ run: handOver, isDelegation });
    const waiting = world.worker().ending({ waitMs: 10_000 });
    await world.clock.advance(500);
    const row = await world.row();
    if (!row) throw new Error('no row');
    const outcome = { format: 'json', bytes: new TextEncoder().encode('["paid"]') };
    await world.receipts.settle({ ...row, state: 'committed', outcome });
    expect(await waiting).toBe('paid');
  });

  it('says so to the caller although it cannot be written, and the row becomes unknown with its lease', async () => {
    const world = new World();
    const worker = world.worker();
    worker.faults.delegate = Array<'refused'>(100).fill('refused');
    expect(await worker.ending({ run: handOver, isDelegation })).toBe('delegated');
    await world.clock.advance(1000);
    expect(await world.worker().ending()).toBe('OutcomeUnknown');
  });

  // Mutation: handing over before the row says so; a crash in between would let a probe release the claim.
  it('can be delegated before it is handed over: then it stands although its process dies at once', async () => {
    const world = new World();
    const dead = world.worker();
    const handedOver: string[] = [];
    void dead.engine.run(
      world.call({
        run: async (effect) => {
          effect.begin();
          await effect.delegate();
          handedOver.push(effect.requestId);
          dead.kill();
          return new Promise(() => undefined);
        },
      }),
    );
    await world.clock.advance(60_000);
    expect([handedOver, await world.state()]).toEqual([['order:1'], 'delegated']);
    expect(await world.worker().ending({ onUnknown: () => notCommitted() })).toBe('InFlight');
    expect(world.effects).toEqual([]);
  });

  it.each<[string, GuardedCall['run'], string, string]>([
    ['a result', async (effect) => (await effect.delegate(), 'here'), 'here', 'committed'],
    [
      'a throw',
      async (effect) => (await effect.delegate(), Promise.reject(new Error('?'))),
      'OutcomeUnknown',
      'unknown',
    ],
    [
      'a "no"',
      async (effect) => (await effect.delegate(), Promise.reject(new NotCommittedError('full'))),
      'NotCommitted',
      'released',
    ],
  ])('but ends here after all with %s is what it says', async (_what, body, ended, state) => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      return body(effect);
    };
    expect(await world.worker().ending({ run })).toBe(ended);
    expect(await world.state()).toBe(state);
  });

  it('must not be handed over once its lease is lost, or as a transaction', async () => {
    const world = new World();
    const worker = world.worker();
    worker.faults.renew = Array<'hangs'>(100).fill('hangs');
    let handedOver = false;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await world.clock.sleep(2000);
      await effect.delegate();
      handedOver = true;
    };
    expect(await worker.ending({ run })).toBe('OutcomeUnknown');
    const transaction: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await effect.delegate();
      handedOver = true;
    };
    const other = { requestId: 'order:2', requestIdHash: hashRequestId('order:2'), transactional: true };
    expect(await world.worker().ending({ ...other, run: transaction })).toBe('InvalidRequest');
    expect(handedOver).toBe(false);
  });

  // Mutation: a hand-over that goes on although the store has refused to delegate.
  it('must not be handed over once the row is no longer its own', async () => {
    const world = new World();
    let handedOver = false;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      const row = await world.row();
      if (row) await world.receipts.markUnknown(row);
      await effect.delegate();
      handedOver = true;
    };
    expect(await world.worker().ending({ run })).toBe('OutcomeUnknown');
    expect(handedOver).toBe(false);
  });

  // Mutation: a late delegate() without a fence; the row would stand for ever, and nobody works on it.
  it('must not be handed over once its call has ended', async () => {
    const world = new World();
    const worker = world.worker();
    worker.faults.settle = Array<'refused'>(100).fill('refused');
    let late: HeldEffect | undefined;
    const run = async (effect: HeldEffect): Promise<unknown> => world.charge((late = effect));
    const terms = { leaseMs: 30_000, deadline: world.clock.monotonic() + 500 };
    expect(await worker.ending({ ...terms, run })).toBe('charge 1');
    await expect(late?.delegate()).rejects.toThrow(LeaseLostError);
    expect(await world.state()).toBe('claimed');
  });

  // Mutations: a fence that looks at the lease all the same; renewing a claim that has no lease any more.
  it('may go on here for longer than its lease once it is delegated', async () => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await effect.delegate();
      await world.clock.sleep(3000);
      effect.fence();
      return effect.signal.aborted ? 'told to stop' : 'here';
    };
    expect(await world.worker().ending({ run })).toBe('here');
  });

  it('whose delegation got no answer is delegated all the same', async () => {
    const world = new World();
    const worker = world.worker();
    worker.faults.delegate = ['lost'];
    expect(await worker.ending({ run: handOver, isDelegation })).toBe('delegated');
    expect(await world.state()).toBe('delegated');
  });

  it('before the effect was begun is a throw like any other: the claim is given back', async () => {
    const world = new World();
    const run = async (): Promise<never> => Promise.reject(new Elsewhere());
    expect(await world.worker().ending({ run, isDelegation })).toBeInstanceOf(Elsewhere);
    expect(await world.state()).toBe('released');
  });
});

describe('a generation', () => {
  const decline: GuardedCall['run'] = async (effect) => {
    effect.begin();
    throw new RejectedError('declined');
  };

  // Mutations: the second generation of anything but a rejection; one id for both; a payload compared across them.
  it('counts only over a rejection, and has an id and a receipt of its own', async () => {
    const world = new World();
    const worker = world.worker();
    expect(await worker.ending({ generation: 2, run: decline })).toMatch(/^rejected/);
    expect(await worker.ending({ generation: 1 })).toMatch(/^rejected/);
    expect(world.effects).toEqual([]);

    const other = { generation: 2, fingerprint: fingerprintOf('charge', ['another card']) };
    expect(await worker.ending(other)).toBe('charge 1');
    expect(world.effects).toEqual([{ requestId: 'order:1~g2', epoch: 1 }]);
    expect(await worker.ending({ ...other, generation: 3 })).toBe('charge 1');
    expect(await worker.ending({ generation: 2 })).toBe('RequestIdReused');
    expect(await worker.ending()).toMatch(/^rejected/);
    expect(world.effects).toHaveLength(1);
  });

  it.each([
    ['a committed one', {}, 'charge 1'],
    ['an unknown one', { run: handOver }, 'OutcomeUnknown'],
    ['one that is completed elsewhere', { run: handOver, isDelegation }, 'InFlight'],
  ])('does not count over %s', async (_what, first, expected) => {
    const world = new World();
    await world.worker().ending(first);
    expect(await world.worker().ending({ generation: 2 })).toBe(expected);
    expect(world.effects.every(({ requestId }) => requestId === 'order:1')).toBe(true);
  });

  // Mutation: a superseded row that replays.
  it('is started for every caller by a supersession, whatever came of the one before, which stays', async () => {
    const world = new World();
    expect(await world.worker().ending()).toBe('charge 1');
    const key = receiptKey('default', hashRequestId('order:1'));
    await world.receipts.supersede({ key, epoch: 1, state: 'committed', source: 'operator' });
    expect([await world.worker().ending(), await world.worker().ending()]).toEqual(['charge 2', 'charge 2']);
    expect(world.effects.map((e) => e.requestId)).toEqual(['order:1', 'order:1~g2']);
    expect(await world.row()).toMatchObject({ state: 'superseded', outcome: { format: 'json' } });
  });

  it('is not the hundred-and-first', async () => {
    const world = new World();
    let id = { requestId: 'order:1', requestIdHash: hashRequestId('order:1') };
    for (let generation = 1; generation <= 100; generation++) {
      if (generation > 1) id = generationId(world.call(), generation);
      const key = receiptKey('default', id.requestIdHash);
      await world.receipts.claim({
        ...{ key, requestId: id.requestId, action: 'charge', fingerprint: world.call().fingerprint },
        ...{
          token: `t${generation}`,
          leaseMs: 0,
          policy: 'hold',
          origin: {},
          transactional: false,
          graceMs: 0,
        },
      });
      await world.receipts.supersede({ key, epoch: 1, state: 'claimed', source: 'operator' });
    }
    expect(await world.worker().ending()).toBe('InvalidRequest');
    expect(world.effects).toEqual([]);
  });
});

describe('a pruned receipt', () => {
  it('fails closed, and says that it was pruned', async () => {
    const world = new World();
    await world.worker().ending();
    await world.receipts.prune({ retainMs: 0 });
    const call = world.worker().run({ onUnknown: 'retry' });
    await expect(call).rejects.toMatchObject({
      code: 'ReceiptPruned',
      retryable: false,
      requestId: 'order:1',
    });
    expect(world.effects).toHaveLength(1);
  });
});

describe('a receipt whose result was pruned', () => {
  // Mutation: a result that is not there is taken for one, or for nothing that happened.
  it('says that it happened, and does not run again', async () => {
    const world = new World();
    await world.worker().ending();
    expect(await world.receipts.prune({ retainMs: 0, resultsOverBytes: 0 })).toBe(1);
    const call = world.worker().run({ onUnknown: 'retry' });
    await expect(call).rejects.toMatchObject({ code: 'ResultUnavailable', retryable: false });
    expect(world.effects).toHaveLength(1);
  });
});

describe("under 'retry', a provider that forgets its keys", () => {
  const terms = { onUnknown: 'retry', providerKeyTtlMs: 5000, leaseMs: 2000 } as const;

  it('is asked again while it remembers', async () => {
    const world = new World();
    await world.abandon(terms);
    await world.clock.advance(2000);
    expect(await world.worker().ending(terms)).toBe('charge 1');
  });

  // Mutation: a take-over whose lease outlives the keys.
  it('is not asked by an attempt that started in time and would send too late', async () => {
    const world = new World();
    await world.abandon(terms);
    await world.clock.advance(1000);
    const run = async (effect: HeldEffect): Promise<unknown> => {
      await world.clock.sleep(3000);
      return world.charge(effect);
    };
    expect(await world.worker().ending({ ...terms, run })).toBe('OutcomeUnknown');
    await world.clock.advance(10_000);
    expect(await world.worker().ending(terms)).toBe('OutcomeUnknown');
    expect(world.effects).toEqual([]);
  });

  // Mutation: a claim that may start its effect for as long as its lease stands.
  it('is not asked after it forgot, although the lease still stands', async () => {
    const world = new World();
    await world.abandon(terms);
    await world.clock.advance(2000); // it forgets within the lease, and what is sent then may take as long as the grace
    const worker = world.worker();
    const run = async (effect: HeldEffect): Promise<unknown> => {
      await world.clock.sleep(1000);
      return world.charge(effect);
    };
    expect(await worker.ending({ ...terms, run })).toBe('OutcomeUnknown');
    expect([world.effects, worker.asked.includes('takeOver')]).toEqual([[], true]);
  });

  it('may be asked for the first time as long as it takes', async () => {
    const world = new World();
    const run = async (effect: HeldEffect): Promise<unknown> => {
      await world.clock.sleep(10_000);
      return world.charge(effect);
    };
    expect(await world.worker().ending({ ...terms, run })).toBe('charge 1');
  });
});

describe('a claim that is taken apart', () => {
  it('still works: its functions are bound', async () => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      const { fence, delegate, requestId, epoch } = effect;
      fence();
      await delegate();
      return [requestId, epoch];
    };
    expect(await world.worker().ending({ run })).toEqual(['order:1', 1]);
  });

  it('shows nothing of the call when it is printed', async () => {
    const world = new World();
    let printed = '';
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      printed = inspect(effect, { depth: 10, showHidden: true }) + JSON.stringify(effect);
    };
    await world.worker().ending({ run, payload: ['SECRET-4111'] });
    expect([printed.includes('order:1'), printed.includes('SECRET')]).toEqual([true, false]);
  });
});

describe('what an effect has left behind', () => {
  // Mutation: a signal that nobody aborts any more once the function has ended.
  it('is told to stop when the effect ends, however it ends', async () => {
    for (const fails of [false, true]) {
      const world = new World();
      let signal: AbortSignal | undefined;
      const run: GuardedCall['run'] = async (effect) => {
        effect.begin();
        ({ signal } = effect);
        expect(signal.aborted).toBe(false);
        if (fails) throw new Error('timed out, and the request is still queued');
        return 'done';
      };
      await world.worker().ending({ run });
      expect(signal?.reason).toMatchObject({ code: 'LeaseLost' });
    }
  });
});

describe('a take-over', () => {
  // Mutation: one token for all claims of an attempt: what was sent under the last one would change the next.
  it('has a token of its own', async () => {
    const world = new World();
    const tokens: (string | undefined)[] = [];
    const worker = world.worker();
    worker.faults.claim = ['none', 'lost'];
    const run: GuardedCall['run'] = async (effect) => {
      tokens.push(effect.token);
      throw new NotCommittedError('not yet');
    };
    await worker.ending({ run });
    const seen = (await world.row())?.token;
    await worker.ending({ run });
    expect(tokens).toEqual([seen, expect.not.stringMatching(seen ?? '')]);
    // Of its attempt the first token was for the claim that found the released row.
    expect(world.tokens).toBe(3);
  });
});

describe('a transactional effect', () => {
  /** Commits as a store does: the receipt is written by the token, or nothing is. */
  const transact =
    (world: World, then: 'returns' | 'throws' | 'loses the answer' = 'returns'): GuardedCall['run'] =>
    async (effect) => {
      effect.begin();
      const value = await currentEffect().commit(async (settlementOf) => {
        const { key, token, outcome } = await settlementOf('booked');
        const row = (await world.receipts.get(key))?.receipt;
        if (row?.token !== token || row.state !== 'claimed') throw new Error('rolled back');
        await world.receipts.settle({ key, token, epoch: row.epoch, state: 'committed', outcome });
        world.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
        if (then === 'loses the answer') throw new Error('ECONNRESET');
        return 'booked';
      });
      if (then === 'throws') throw new Error('after the commit');
      return value;
    };

  // Mutation: settling once more after the transaction, or believing the throw.
  it.each(['returns', 'throws', 'loses the answer'] as const)(
    'has the result that was committed, if the function %s',
    async (then) => {
      const world = new World();
      const worker = world.worker();
      expect(await worker.ending({ transactional: true, run: transact(world, then) })).toBe('booked');
      expect(await world.worker().ending({ transactional: true })).toBe('booked');
      expect([worker.asked.includes('settle'), worker.asked.includes('markUnknown')]).toEqual([false, false]);
      expect(world.effects).toHaveLength(1);
    },
  );

  // Mutation: asking the row what became of a transaction that has said so itself.
  it('has the result that was committed, although the store is away right after it', async () => {
    const world = new World();
    const worker = world.worker();
    const run: GuardedCall['run'] = async (effect) => {
      const value = await transact(world)(effect);
      worker.always = 'refused';
      throw new Error(`after ${String(value)}`);
    };
    expect(await worker.run({ transactional: true, run })).toMatchObject({
      ...{ value: 'booked', replayed: false },
    });
  });

  it('that failed before its commit is released, whatever it threw, and runs again', async () => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      throw new Error('deadlock detected');
    };
    expect(await world.worker().ending({ transactional: true, run })).toBe('NotCommitted');
    expect(await world.state()).toBe('released');
    expect(await world.worker().ending({ transactional: true, run: transact(world) })).toBe('booked');
  });

  // Mutation: a transaction that is handed over as any other effect.
  it('cannot go on elsewhere: without its receipt it did not happen', async () => {
    const world = new World();
    const call = { transactional: true, run: handOver, isDelegation };
    expect([await world.worker().ending(call), await world.state()]).toEqual(['NotCommitted', 'released']);
  });

  // Mutation: taking the store's "nobody knows" for one of the throws after which nothing was committed.
  it('of which the store does not know whether it committed is unknown', async () => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      throw new OutcomeUnknownError('the work has ended its transaction', { requestId: effect.requestId });
    };
    expect(await world.worker().ending({ transactional: true, run })).toBe('OutcomeUnknown');
    expect(await world.state()).toBe('unknown');
  });

  // Mutations: not looking at the row where the claim could not be given back; taking a free row for a held one.
  it.each([
    ['settled', 'other'],
    ['given back', 'NotCommitted'],
  ])('whose claim was %s by somebody else ends as its row says', async (what, ended) => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      const row = await world.row();
      if (!row) throw new Error('no row');
      if (what === 'given back') await world.receipts.release(row);
      else {
        const outcome = { format: 'json', bytes: new TextEncoder().encode('["other"]') };
        await world.receipts.settle({ ...row, state: 'committed', outcome });
      }
    };
    expect(await world.worker().ending({ transactional: true, run })).toBe(ended);
  });

  // Mutation: a receipt that says only that it happened, where it could still be undone.
  it('whose result cannot be stored is rolled back', async () => {
    const world = new World();
    const unstored = async () => ({ ...noResult, problem: new Error('a cycle') });
    const codec = { ...world.call().codec, encodeResult: unstored };
    const ended = await world.worker().ending({ transactional: true, run: transact(world), codec });
    expect([ended, await world.state(), world.effects]).toEqual(['InvalidRequest', 'released', []]);
  });

  it('keeps a rejection', async () => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      throw new RejectedError('no funds');
    };
    expect(await world.worker().ending({ transactional: true, run })).toMatch(/^rejected/);
    expect(await world.worker().ending({ transactional: true, run: transact(world) })).toMatch(/^rejected/);
  });

  it('whose holder died is claimed again after its lease, and the zombie finds another token', async () => {
    const world = new World();
    const zombie = world.worker();
    zombie.faults.renew = Array<'hangs'>(100).fill('hangs');
    let wake: () => void = () => undefined;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await new Promise<void>((resolve) => (wake = resolve));
      return currentEffect().commit(async () => 'never');
    };
    const first = zombie.engine.run(world.call({ transactional: true, run }));
    await world.clock.advance(1000);
    expect(await world.worker().ending({ transactional: true, run: transact(world) })).toBe('booked');
    wake();
    // The lease was lost, and the row tells what became of the intent.
    expect(await first).toMatchObject({ value: 'booked', replayed: true });
    expect(world.effects).toEqual([{ requestId: 'order:1', epoch: 2 }]);
  });

  // The function that was not announced as transactional may have done anything before.
  it.each<[string, boolean, string, () => Promise<unknown>]>([
    ['no transaction', true, 'InvalidRequest', async () => undefined],
    ['one that was not announced', false, 'OutcomeUnknown', () => currentEffect().commit(async () => 1)],
    [
      'two of them',
      true,
      'InvalidRequest',
      async () => {
        const first = currentEffect().commit(() => Promise.reject(new Error('first')));
        await first.catch(() => undefined);
        return currentEffect().commit(async () => 2);
      },
    ],
  ])('with %s is refused', async (_what, transactional, code, body) => {
    const world = new World();
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      return body();
    };
    const ended: unknown = await world
      .worker()
      .run({ transactional, run })
      .catch((error: unknown) => error);
    expect(ended).toMatchObject({ code });
    expect(code === 'InvalidRequest' ? ended : (ended as Error).cause).toBeInstanceOf(InvalidRequestError);
    expect(await world.state()).toBe(transactional ? 'released' : 'unknown');
  });
});
