import { randomUUID } from 'node:crypto';

import {
  committed,
  GuardEngine,
  notCommitted,
  NotCommittedError,
  RejectedError,
  type ClaimRequest,
  type GuardedCall,
  type HeldEffect,
  type OnUnknown,
  type Receipt,
  type ReceiptStore,
} from '../../src/core';
import { World, type Fault, type Step } from '../support/guarding';

let world: World;
beforeEach(() => (world = new World()));

describe('a store that is away', () => {
  // Mutation: running the effect when the claim fails is what this is all about.
  it.each<Fault>(['refused', 'lost', 'hangs', 'hangs-after'])(
    'at the claim (%s) means that the effect does not run',
    async (fault) => {
      const worker = world.worker();
      worker.always = fault;
      await expect(worker.run()).rejects.toMatchObject({
        code: 'ReceiptStoreUnavailable',
        retryable: true,
        requestId: 'order:1',
      });
      expect(world.effects).toHaveLength(0);
    },
  );

  it('keeps no call beyond its attempt, even if it never answers', async () => {
    const worker = world.worker();
    worker.always = 'hangs';
    const deadline = world.clock.monotonic() + 3000;
    expect(await worker.ending({ deadline })).toBe('ReceiptStoreUnavailable');
    expect(world.clock.monotonic()).toBeLessThanOrEqual(deadline);
  });

  // Mutation: asking the store only for as long as a call waits for others fails here.
  it('for a moment is asked again, also by a call that waits for nobody', async () => {
    const worker = world.worker();
    worker.faults.claim = ['refused'];
    expect(await worker.ending({ waitMs: 0 })).toBe('charge 1');
  });

  // Mutation: asking again only a store whose promise fails.
  it('and says so by throwing at once is asked again, too', async () => {
    let asked = 0;
    const claim = (request: ClaimRequest): Promise<Receipt> => {
      if (++asked === 1) throw new Error('not connected');
      return world.receipts.claim(request);
    };
    const store = Object.assign(Object.create(world.receipts) as ReceiptStore, { claim });
    const { clock } = world;
    const engine = new GuardEngine({ store, clock, newToken: randomUUID, onEvent: () => undefined });
    expect(await clock.until(engine.run(world.call()))).toMatchObject({ value: 'charge 1' });
  });

  it('and refuses for good is not asked again', async () => {
    const worker = world.worker();
    const refusal = Object.assign(new Error('no such table'), { transient: false });
    const claim = jest.spyOn(world.receipts, 'claim').mockRejectedValue(refusal);
    await expect(worker.run()).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable', cause: refusal });
    expect([claim.mock.calls.length, world.effects.length]).toEqual([1, 0]);
  });

  // Mutation: passing the settle's error on to the caller fails here.
  it.each<Fault>(['refused', 'hangs'])(
    'at the settle (%s) does not cost the caller the result, and the row becomes unknown, never free',
    async (fault) => {
      const worker = world.worker();
      worker.faults.settle = Array(10_000).fill(fault) as Fault[];
      expect(await worker.ending({ deadline: world.clock.monotonic() + 20_000 })).toBe('charge 1');
      expect(worker.asked.filter((step) => step === 'settle').length).toBeGreaterThan(1);
      await world.clock.advance(30_000);
      expect(await world.worker().ending()).toBe('OutcomeUnknown');
      expect(world.effects).toHaveLength(1);
    },
  );

  it('at the settle of a refusal means that the refusal is no outcome yet', async () => {
    const worker = world.worker();
    worker.faults.settle = Array(10_000).fill('refused') as Fault[];
    const run = async (effect: HeldEffect): Promise<never> => (
      effect.begin(), Promise.reject(new RejectedError('declined'))
    );
    expect(await worker.ending({ run })).toBe('ReceiptStoreUnavailable');
  });

  it('for a while at the settle is asked until it is back, and the lease is kept meanwhile', async () => {
    const worker = world.worker();
    worker.faults.settle = Array(8).fill('refused') as Fault[];
    expect(await worker.ending()).toBe('charge 1');
    expect(await world.state()).toBe('committed');
  });

  it.each<Step>(['release', 'markUnknown'])(
    'at the %s leaves a row that becomes unknown with its lease',
    async (step) => {
      const worker = world.worker();
      worker.faults[step] = Array(10_000).fill('refused') as Fault[];
      const thrown = step === 'release' ? new NotCommittedError('never left') : new Error('reset');
      const run = async (effect: HeldEffect): Promise<never> => (effect.begin(), Promise.reject(thrown));
      expect(await worker.ending({ run })).toBe(step === 'release' ? 'NotCommitted' : 'OutcomeUnknown');
      await world.clock.advance(5000);
      expect(await world.worker().ending()).toBe('OutcomeUnknown');
    },
  );
});

describe('a claim whose answer came only after its lease was over', () => {
  // Mutation: taking an own claim for held although its lease is over fails here.
  it('is given back, as its effect has not begun, and made anew', async () => {
    const worker = world.worker();
    worker.faults.claim = ['hangs-after'];
    expect(await worker.ending({ waitMs: 30_000 })).toBe('charge 1');
    expect(worker.asked).toEqual(['claim', 'claim', 'release', 'claim', 'takeOver', 'settle']);
    expect(world.effects).toEqual([{ requestId: 'order:1', epoch: 2 }]);
  });

  // Mutation: claiming anew with the token of the claim that was given back fails here.
  it('has another token, so that its release cannot hit the claim made anew when it arrives twice', async () => {
    const worker = world.worker();
    worker.faults.claim = ['hangs-after'];
    const release = jest.spyOn(world.receipts, 'release');
    const run = async (effect: HeldEffect): Promise<unknown> => {
      const value = await world.charge(effect);
      const [given] = release.mock.calls[0] ?? [];
      expect(given && (await world.receipts.release(given))).toBe(false);
      return value;
    };
    expect(await worker.ending({ waitMs: 30_000, run })).toBe('charge 1');
    expect(await world.state()).toBe('committed');
  });
});

/** A store whose answers to a step take so long on the way back. */
function slowAnswers(step: 'claim' | 'takeOver', ms: number): void {
  const act = world.receipts[step].bind(world.receipts) as (request: never) => Promise<never>;
  jest.spyOn(world.receipts, step).mockImplementation(async (request) => {
    const answer = await act(request as never);
    await world.clock.sleep(ms);
    return answer;
  });
}

describe('an answer that takes most of the lease to arrive', () => {
  // Mutation: a holder's own deadline that counts from the answer fails here.
  it.each(['claim', 'takeOver'] as const)('to a %s leaves only the rest of it', async (step) => {
    if (step === 'takeOver')
      await world.worker().ending({ run: begunThen(new NotCommittedError('never left')) });
    slowAnswers(step, 800);
    const worker = world.worker();
    worker.faults.renew = Array<Fault>(100).fill('refused');
    const run = async (effect: HeldEffect): Promise<unknown> => {
      await world.clock.sleep(300);
      return world.charge(effect);
    };
    expect(await worker.ending({ run })).toBe('LeaseLost');
    expect(world.effects).toEqual([]);
  });
});

interface Scene {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly ending: unknown;
  readonly state: string;
  readonly call: () => Partial<GuardedCall>;
  readonly before?: () => Promise<unknown>;
}

const begunThen =
  (error: Error) =>
  async (effect: HeldEffect): Promise<never> => (effect.begin(), Promise.reject(error));

const scenes: readonly Scene[] = [
  {
    name: 'a first call',
    steps: ['claim', 'settle'],
    ending: 'charge 1',
    state: 'committed',
    call: () => ({}),
  },
  {
    ...{
      name: 'a refusal',
      steps: ['claim', 'settle'],
      ending: 'rejected: RejectedError: declined',
      state: 'rejected',
    },
    call: () => ({ run: begunThen(new RejectedError('declined')) }),
  },
  {
    ...{
      name: 'an ambiguous error',
      steps: ['claim', 'markUnknown'],
      ending: 'OutcomeUnknown',
      state: 'unknown',
    },
    call: () => ({ run: begunThen(new Error('reset')) }),
  },
  {
    ...{
      name: 'an effect that did not happen',
      steps: ['claim', 'release'],
      ending: 'NotCommitted',
      state: 'released',
    },
    call: () => ({ run: begunThen(new NotCommittedError('never left')) }),
  },
  {
    ...{
      name: 'a call on a released row',
      steps: ['claim', 'takeOver', 'settle'],
      ending: 'charge 1',
      state: 'committed',
    },
    call: () => ({}),
    before: () => world.worker().ending({ run: begunThen(new NotCommittedError('never left')) }),
  },
  {
    ...{
      name: 'a retry over an unknown outcome',
      steps: ['claim', 'takeOver', 'settle'],
      ending: 'charge 1',
      state: 'committed',
    },
    call: () => ({ onUnknown: 'retry' }),
    before: () => world.abandon({ onUnknown: 'retry' }),
  },
  {
    ...{ name: 'a probe that finds it', steps: ['claim', 'resolve'], ending: 'ch_1', state: 'committed' },
    call: () => ({ onUnknown: () => committed('ch_1') }),
    before: () => world.abandon({ onUnknown: () => committed('ch_1') }),
  },
  {
    ...{
      name: 'a probe that finds nothing',
      steps: ['claim', 'resolve', 'takeOver', 'settle'],
      ending: 'charge 1',
      state: 'committed',
    },
    call: () => ({ onUnknown: () => notCommitted() }),
    before: () => world.abandon({ onUnknown: () => notCommitted() }).then(() => world.clock.advance(1000)),
  },
];

const faults: readonly Fault[] = ['refused', 'lost', 'hangs', 'hangs-after'];
const allFaults = scenes.flatMap((scene) =>
  scene.steps.flatMap((step) => faults.map((fault) => ({ scene, step, fault, name: scene.name }))),
);

describe('an answer that is lost once', () => {
  // Mutation: a new token for every ask, or `own-claim` treated as in flight, fails here.
  it.each(allFaults)(
    '($fault at $step of $name) ends in the same state as if it had come',
    async ({ scene, step, fault }) => {
      await scene.before?.();
      const worker = world.worker();
      worker.faults[step] = [fault];
      const effects = scene.state === 'committed' && scene.ending === 'charge 1' ? 1 : 0;
      // Wait long enough for a store that hangs to be asked again, and keep the lease beyond that.
      expect(await worker.ending({ ...scene.call(), leaseMs: 30_000, waitMs: 30_000 })).toBe(scene.ending);
      expect([await world.state(), world.effects.length]).toEqual([scene.state, effects]);
    },
  );
});

describe('a process that dies', () => {
  const policies: Record<string, OnUnknown> = {
    hold: 'hold',
    fail: 'fail',
    // A truthful provider with a lag that the grace covers.
    probe: () => (world.effects.length > 0 ? committed('found') : notCommitted()),
    retry: 'retry',
  };
  const deaths = Object.keys(policies).flatMap((policy) =>
    (['claim', 'takeOver', 'settle'] as const).flatMap((step) =>
      (['dies', 'dies-after'] as const).map((fault) => ({ policy, step, fault })),
    ),
  );

  // Invariants 1, 3, 8.
  it.each(deaths)(
    '($fault at $step, under $policy) leaves at most one effect, and an outcome or an unknown for the next',
    async ({ policy, step, fault }) => {
      const onUnknown = policies[policy] as OnUnknown;
      // A row that was released before makes the next claim a take-over.
      if (step === 'takeOver')
        await world.worker().ending({ onUnknown, run: begunThen(new NotCommittedError('never left')) });
      const dead = world.worker();
      dead.faults[step] = [fault];
      void dead.engine.run(world.call({ onUnknown }));
      await world.clock.advance(1000);
      const happened = world.effects.length;
      expect(happened).toBe(step === 'settle' ? 1 : 0);
      // Every claim without a receipt is seen as unknown within its lease.
      const state = await world.state();
      if (state === 'claimed') expect((await world.receipts.list({ unresolved: true })).length).toBe(1);

      const ending = await world.worker().ending({ onUnknown });
      const isSettled = state === 'committed';
      const isFree = state === undefined || state === 'released';
      const expected =
        isSettled || isFree
          ? 'charge 1'
          : policy === 'probe'
            ? happened > 0
              ? 'found'
              : 'charge 1'
            : policy === 'retry'
              ? `charge ${happened + 1}`
              : 'OutcomeUnknown';
      expect(ending).toBe(expected);
      if (policy !== 'retry') expect(world.effects.length).toBeLessThanOrEqual(1);
      expect(new Set(world.effects.map((e) => e.requestId)).size).toBeLessThanOrEqual(1);
      if (ending !== 'OutcomeUnknown') expect(await world.worker().ending({ onUnknown })).toBe(ending);
    },
  );
});

describe('a call that gives up after it has claimed', () => {
  // Mutation: giving back nothing of which no answer came fails here.
  it('gives back a claim whose answer never came', async () => {
    const worker = world.worker();
    worker.faults.claim = ['lost', ...Array<Fault>(1000).fill('refused')];
    expect(await worker.ending({ waitMs: 500 })).toBe('ReceiptStoreUnavailable');
    await world.clock.advance(0);
    expect(await world.state()).toBe('released');
    expect(await world.worker().ending()).toBe('charge 1');
  });

  // A claim that was written but whose answer never came is nobody's: it would end as an unknown that never was.
  it('gives back a claim that it took over without learning of it', async () => {
    await world.worker().ending({ run: begunThen(new NotCommittedError('never left')) });
    const worker = world.worker();
    worker.faults.takeOver = ['lost'];
    const ending = await worker.ending({ waitMs: 60 });
    await world.clock.advance(5000);
    expect([ending, await world.worker().ending()]).toEqual(
      ending === 'charge 1' ? ['charge 1', 'charge 1'] : [ending, 'charge 1'],
    );
  });

  // Mutation: a take-over of which no answer came is not given back, and would end as an unknown that never was.
  it('gives back a claim that it took over before the store went away', async () => {
    await world.worker().ending({ run: begunThen(new NotCommittedError('never left')) });
    const worker = world.worker();
    worker.faults.takeOver = ['lost', ...Array<Fault>(1000).fill('refused')];
    expect(await worker.ending({ waitMs: 500 })).toBe('ReceiptStoreUnavailable');
    await world.clock.advance(0);
    expect([await world.state(), await world.worker().ending()]).toEqual(['released', 'charge 1']);
  });

  // Mutation: asking for ever for the release of a claim that never came.
  it('gives up giving back what is not there once its lease would be over', async () => {
    const worker = world.worker();
    worker.faults.claim = Array<Fault>(1000).fill('refused');
    expect(await worker.ending({ waitMs: 60, leaseMs: 30_000 })).toBe('ReceiptStoreUnavailable');
    const releases = (): number => worker.asked.filter((step) => step === 'release').length;
    await world.clock.advance(30_000);
    const asked = releases();
    await world.clock.advance(3_600_000);
    expect([asked > 1, releases()]).toEqual([true, asked]);
  });

  // Mutation: a release that is asked for once only fails here. It overtakes the claim, which then is nobody's.
  it('gives back a claim that arrives only after its own release', async () => {
    const worker = world.worker();
    worker.faults.claim = ['arrives-late'];
    expect(await worker.ending({ waitMs: 60, leaseMs: 30_000 })).toBe('ReceiptStoreUnavailable');
    expect(await world.state()).toBeUndefined();
    await world.clock.advance(15_000);
    expect([await world.state(), await world.worker().ending()]).toEqual(['released', 'charge 1']);
  });
});
