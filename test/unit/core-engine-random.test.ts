import fc from 'fast-check';

import {
  committed,
  notCommitted,
  NotCommittedError,
  RejectedError,
  type GuardedCall,
  type HeldEffect,
  type OnUnknown,
} from '../../src/core';
import { World, type Fault, type Step, type Worker } from '../support/guarding';

type Send = () => Promise<unknown>;

/** What the effect of one call does; what is sent arrives, whatever becomes of the sender. */
const behaviours: Record<
  string,
  (world: World, worker: Worker, send: Send, slowMs: number) => Promise<unknown>
> = {
  works: (_world, _worker, send) => send(),
  'works slowly': async (world, _worker, send, slowMs) => (await world.clock.sleep(slowMs), send()),
  'loses the response': async (_world, _worker, send) => (void send(), Promise.reject(new Error('reset'))),
  'fails before': () => Promise.reject(new Error('refused')),
  'says it did not happen': () => Promise.reject(new NotCommittedError('never left')),
  'is refused': () => Promise.reject(new RejectedError('declined')),
  'dies before': (_world, worker) => (worker.kill(), new Promise(() => undefined)),
  'dies after': (_world, worker, send) => (void send(), worker.kill(), new Promise(() => undefined)),
};

/** The longest time on the wire; the grace of the calls is 500 ms. */
const wireMs = 450;

const fault = fc.constantFrom<Fault | 'none'>(
  'none',
  'none',
  'refused',
  'lost',
  'hangs',
  'hangs-after',
  'dies',
  'dies-after',
);
const faults = fc.array(fault, { maxLength: 3 });
const steps: readonly Step[] = ['claim', 'takeOver', 'renew', 'settle', 'release', 'markUnknown', 'resolve'];
const attempt = fc.record({
  afterMs: fc.nat(4000),
  slowMs: fc.nat(2500),
  isNeverRenewed: fc.boolean(),
  behaviour: fc.constantFrom(...Object.keys(behaviours)),
  faults: fc.record(Object.fromEntries(steps.map((step) => [step, faults])) as Record<Step, typeof faults>),
});

function effectOf(world: World, worker: Worker, behaviour: string, slowMs: number): GuardedCall['run'] {
  return async (effect: HeldEffect) => {
    effect.begin();
    const send: Send = async () => {
      effect.fence(); // nothing is sent unless the claim is surely held
      await world.clock.sleep(wireMs);
      world.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
      return `charge ${world.effects.length}`;
    };
    return behaviours[behaviour]?.(world, worker, send, slowMs);
  };
}

/** The same as a transaction: the effect and its receipt happen at one moment, under the claim's token, or not at all. */
function transactionOf(world: World, worker: Worker, behaviour: string, slowMs: number): GuardedCall['run'] {
  return async (effect: HeldEffect) => {
    effect.begin();
    const send: Send = () => {
      const committing = effect.commit(async (settlementOf) => {
        const result = `charge ${world.effects.length + 1}`;
        const { key, token, outcome } = await settlementOf(result);
        await world.clock.sleep(wireMs); // the commit is under way, whatever becomes of the lease
        const row = (await world.receipts.get(key))?.receipt;
        if (row?.token !== token || row.state !== 'claimed') throw new Error('rolled back');
        world.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
        await world.receipts.settle({ key, token, epoch: row.epoch, state: 'committed', outcome });
        return result;
      });
      committing.catch(() => undefined); // nobody may be left to hear it
      return committing;
    };
    return behaviours[behaviour]?.(world, worker, send, slowMs);
  };
}

describe('any number of attempts at one intent, with any faults and deaths', () => {
  // Invariants 1, 2, 3, 7 and 8. Mutations: a probe's "no" without the grace, a claim that is not exclusive.
  it.each(['hold', 'fail', 'probe', 'hold, in transactions'])(
    'have one effect at most under %s, one outcome for all, and none hangs',
    async (name) => {
      await fc.assert(
        fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 5 }), async (attempts) => {
          const world = new World();
          const isTransactional = name.endsWith('transactions');
          const probe: OnUnknown = () => (world.effects.length > 0 ? committed('charge 1') : notCommitted());
          const onUnknown = name === 'probe' ? probe : (name.split(',')[0] as OnUnknown);
          const terms = { onUnknown, transactional: isTransactional };
          const endings: unknown[] = [];
          const calls: { worker: Worker; over: boolean }[] = [];
          for (const { afterMs, behaviour, slowMs, isNeverRenewed, faults: planned } of attempts) {
            await world.clock.advance(afterMs);
            const call = { worker: world.worker(), over: false };
            Object.assign(call.worker.faults, structuredClone(planned));
            if (isNeverRenewed) call.worker.faults.renew = Array<Fault>(100).fill('hangs');
            const run = (isTransactional ? transactionOf : effectOf)(world, call.worker, behaviour, slowMs);
            const deadline = world.clock.monotonic() + 15_000;
            calls.push(call);
            void call.worker.engine
              .run(world.call({ ...terms, run, deadline }))
              .then((o) => endings.push(o.kind === 'result' ? o.value : o.kind))
              .catch(() => undefined)
              .finally(() => (call.over = true));
          }
          await world.clock.advance(120_000);
          expect(calls.filter((call) => !call.over && !call.worker.isDead)).toHaveLength(0);

          const finder = world.worker();
          const run = isTransactional ? transactionOf(world, finder, 'works', 0) : world.charge;
          const last = await finder.ending({ ...terms, run });
          const settled =
            typeof last === 'string' && /^charge|^rejected/.test(last) ? last.split(':')[0] : undefined;
          expect(world.effects.length).toBeLessThanOrEqual(1);
          if (settled === 'charge 1') expect(world.effects).toHaveLength(1);
          else if (settled === undefined)
            expect([name === 'hold' || name === 'fail', last]).toEqual([true, 'OutcomeUnknown']);
          else expect([settled, world.effects.length]).toEqual(['rejected', 0]);
          if (settled !== undefined) expect(endings.filter((ending) => ending !== settled)).toEqual([]);
          // A result that a caller got is never taken back, even where it could not be written.
          expect(new Set(endings).size).toBeLessThanOrEqual(1);
        }),
        { numRuns: 400 },
      );
    },
    60_000,
  );
});
