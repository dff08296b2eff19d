/** The contract of what nobody's claim does: delegation, transactions' leases, evidence, operators, and time. */
import { randomUUID } from 'node:crypto';

import type { ClaimRequest, ReceiptState, ReceiptStore } from '../../src/core';
import {
  another,
  lease,
  newId,
  outcomeOf,
  over,
  read,
  requestFor,
  rowIn,
  states,
  withPlace,
  type StoreFixture,
} from './rows';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function describeCare(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`care in ${name}`, () => {
    let fixture: StoreFixture;
    let store: ReceiptStore;
    withPlace(makeStore, (opened, first) => ([fixture, store] = [opened, first]));

    describe('a delegated claim', () => {
      // Mutation: a lapsed claim that is delegated; somebody may have been told by then that it is unknown.
      it('is made from a claimed one by its own token while its lease stands, and again after a lost answer', async () => {
        const owner = await rowIn(store, 'claimed');
        expect(await store.delegate({ key: owner.key, token: randomUUID() })).toBe(false);
        expect([await store.delegate(owner), await store.delegate(owner)]).toEqual([true, true]);
        expect((await read(store, owner)).receipt.state).toBe('delegated');
        const lapsed = await rowIn(store, 'claimed', over);
        expect(await store.delegate(lapsed)).toBe(false);
        for (const state of ['unknown', 'released', 'committed', 'rejected', 'superseded'] as const)
          expect([state, await store.delegate(await rowIn(store, state))]).toEqual([state, false]);
      });

      // Mutation: one that is marked unknown with the lease it had when it was claimed, perhaps hours ago.
      it('that becomes unknown had a lease until that moment', async () => {
        const owner = await rowIn(store, 'delegated', 300);
        await pause(1000);
        expect(await store.markUnknown(owner)).toBe(true);
        const { leaseRemainingMs } = await read(store, owner);
        expect(leaseRemainingMs).toBeGreaterThan(-600);
        expect(leaseRemainingMs).toBeLessThanOrEqual(0);
      });

      // Mutation: a delegated row that counts as unresolved, or that a lease can end.
      it('is taken over by nobody, renewed by nobody, and not unresolved, although its lease is over', async () => {
        const own = fixture.open(`delegated ${randomUUID()}`);
        // Long enough to be handed over within it on a busy machine.
        const owner = await rowIn(own, 'delegated', 500);
        await pause(520);
        expect(await own.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
        expect((await own.renew([owner], lease)).size).toBe(0);
        expect(await own.list({ unresolved: true })).toEqual([]);
        expect(await own.claim(another(owner))).toMatchObject({ state: 'delegated', token: owner.token });
      });

      it.each(['committed', 'rejected'] as const)('is settled as %s by its token', async (state) => {
        const owner = await rowIn(store, 'delegated', 30);
        expect(await store.settle({ ...owner, epoch: 1, state, outcome: outcomeOf('done') })).toBe(state);
        expect((await read(store, owner)).receipt.state).toBe(state);
      });

      it.each([
        ['committed', 'committed'],
        ['not-committed', 'released'],
      ] as const)('is resolved as %s by an operator', async (verdict, state) => {
        const owner = await rowIn(store, 'delegated');
        const resolution = { key: owner.key, verdict, source: 'operator' };
        expect(await store.resolve({ ...resolution, epoch: 2 })).toBe(false);
        expect(await store.resolve({ ...resolution, epoch: 1 })).toBe(true);
        expect((await read(store, owner)).receipt.state).toBe(state);
      });
    });

    describe('a transactional claim', () => {
      // Mutations: its lapsed lease as unknown; one taken over in doubt as released.
      it('whose lease is over is free without doubt, is not unresolved, and takes no "no"', async () => {
        const own = fixture.open(`transactions ${randomUUID()}`);
        const owner = await rowIn(own, 'claimed', over, { transactional: true });
        expect((await read(own, owner)).receipt).toMatchObject({ transactional: true, state: 'claimed' });
        expect(await own.list({ unresolved: true })).toEqual([]);
        expect((await own.stats()).unresolved).toBe(0);
        const no = { key: owner.key, epoch: 1, verdict: 'not-committed', source: 'probe' } as const;
        expect(await own.resolve(no)).toBe(false);
        const taken = await own.takeOver(another(owner, { transactional: true }));
        expect(taken).toMatchObject({ epoch: 2, doubt: false, transactional: true });
      });

      it('whose lease stands is not free', async () => {
        const owner = await rowIn(store, 'claimed', lease, { transactional: true });
        expect(await store.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
      });

      it('over an unknown attempt inherits its doubt, and its lapsed lease is unknown', async () => {
        const second = another(await rowIn(store, 'unknown'), {
          ...{ fromUnknown: true, transactional: true, leaseMs: over },
        });
        expect(await store.takeOver(second)).toMatchObject({ doubt: true, transactional: true });
        const third = { ...another(second), epoch: 2 };
        expect(await store.takeOver(third)).toBeUndefined();
        expect(await store.takeOver({ ...third, fromUnknown: true, transactional: false })).toMatchObject({
          ...{ epoch: 3, doubt: true, transactional: false },
        });
      });
    });

    describe('evidence', () => {
      it('is kept beside a row of any state, and before there is one, and changes none', async () => {
        const id = requestFor(newId());
        const said = {
          key: id.key,
          epoch: 1,
          source: 'webhook',
          verdict: 'committed',
          note: 'early',
        } as const;
        await store.addEvidence({ ...said, verdict: 'undetermined' });
        expect(await store.get(id.key)).toBeUndefined();
        expect(await store.claim(id)).toMatchObject({ state: 'claimed' });
        await store.addEvidence(said);
        expect(await read(store, id)).toMatchObject({
          receipt: { state: 'claimed' },
          evidence: ['webhook: undetermined (1)', 'webhook: committed (1)'],
        });
      });

      // Mutation: a first claim that does not look at what was said before it.
      it('that says committed before there is a row makes the first claim unknown', async () => {
        const id = requestFor(newId());
        await store.addEvidence({ key: id.key, epoch: 1, source: 'webhook', verdict: 'committed' });
        expect(await store.claim(id)).toMatchObject({ state: 'unknown', token: id.token, epoch: 1 });
      });

      // Mutation: a take-over, or a "no", that does not look at the evidence.
      it('that says committed forbids to claim again and to release', async () => {
        for (const state of ['released', 'unknown', 'claimed'] as const) {
          const owner = await rowIn(store, state, over);
          await store.addEvidence({ key: owner.key, epoch: 1, source: 'webhook', verdict: 'committed' });
          expect(await store.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
          const no = { key: owner.key, epoch: 1, verdict: 'not-committed', source: 'probe' } as const;
          expect(await store.resolve(no)).toBe(false);
        }
      });
    });

    describe('a supersession', () => {
      it.each<[ReceiptState, number, boolean]>([
        ['committed', lease, true],
        ['rejected', lease, true],
        ['released', lease, true],
        ['delegated', lease, false],
        ['unknown', over, true],
        ['unknown', lease, false],
        ['claimed', over, true],
        ['claimed', lease, false],
        ['superseded', over, false],
      ])(
        'of a %s row with a lease of %d ms is allowed: %s; outcome and history stay',
        async (state, ms, ok) => {
          const owner = await rowIn(store, state, ms);
          const before = await read(store, owner);
          const supersession = { key: owner.key, state, source: 'operator', note: 'send it again' };
          expect(await store.supersede({ ...supersession, epoch: 2 })).toBe(false);
          const other = state === 'committed' ? 'unknown' : 'committed';
          expect(await store.supersede({ ...supersession, state: other, epoch: 1 })).toBe(false);
          expect(await store.supersede({ ...supersession, epoch: 1 })).toBe(ok);
          const now = await read(store, owner);
          if (!ok) expect(now.receipt).toEqual(before.receipt);
          else {
            expect(now.receipt).toMatchObject({
              state: 'superseded',
              outcome: before.receipt.outcome,
              epoch: 1,
            });
            expect(now.evidence).toEqual(['operator: superseded (1)']);
            expect(await store.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
            const late = { ...owner, epoch: 1, state: 'committed', outcome: outcomeOf('late') } as const;
            expect(await store.settle(late)).toBe('late');
          }
        },
      );
    });

    // Mutation: a supersession that looks at the lease alone.
    it.each(['unknown', 'claimed'] as const)(
      'a supersession of a %s row waits for its grace time',
      async (state) => {
        for (const [graceMs, ok] of [
          [-over + 5000, false],
          [-over - 5000, true],
        ] as const) {
          const { key } = await rowIn(store, state, over, { graceMs });
          expect(await store.supersede({ key, epoch: 1, state, source: 'operator' })).toBe(ok);
        }
      },
    );

    describe('pruning', () => {
      // Mutation: a tombstone that can be claimed, or that forgets id, epoch or payload.
      it('turns what was settled long enough ago into tombstones, which are claimed by nobody', async () => {
        const own = fixture.open(`prune ${randomUUID()}`);
        const owner = await rowIn(own, 'committed');
        const { receipt } = await read(own, owner);
        await pause(20);
        expect(await own.prune({ retainMs: 60_000 })).toBe(0);
        expect(await own.prune({ retainMs: 10 })).toBe(1);
        const now = await read(own, owner);
        expect(now.receipt).toEqual({ ...receipt, state: 'pruned', outcome: undefined, origin: {} });
        expect(await own.prune({ retainMs: 0 })).toBe(0);
        expect(await own.claim(another(owner))).toMatchObject({ state: 'pruned', epoch: 1 });
        expect(await own.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
        expect(await own.settle({ ...owner, epoch: 1, state: 'committed', outcome: outcomeOf('') })).toBe(
          'late',
        );
        expect(await own.supersede({ key: owner.key, epoch: 1, state: 'pruned', source: 'operator' })).toBe(
          false,
        );
      });

      it('takes settled rows only, of its own namespace, at most as many as it may', async () => {
        const own = fixture.open(`prune ${randomUUID()}`);
        for (const state of ['claimed', 'delegated', 'unknown', 'released'] as const)
          await rowIn(own, state, state === 'delegated' ? lease : over);
        for (const state of ['committed', 'rejected', 'superseded'] as const) await rowIn(own, state, over);
        const foreign = await rowIn(store, 'committed');
        expect(await own.prune({ retainMs: 0, limit: 1 })).toBe(1);
        // A superseded row stays one, without its outcome: it leads to the next generation.
        expect(await own.prune({ retainMs: 0, limit: 5 })).toBe(2);
        expect(await own.prune({ retainMs: 0 })).toBe(0);
        expect((await own.stats()).states).toMatchObject({
          claimed: 1,
          delegated: 1,
          unknown: 1,
          released: 1,
          superseded: 1,
        });
        expect((await read(store, foreign)).receipt.state).toBe('committed');
      });

      // Mutations: a result that stays or a smaller one that goes, one that is changed or sent again, a receipt that goes with it.
      it('drops large results first: what stays says that it happened, and is claimed by nobody', async () => {
        const own = fixture.open(`prune ${randomUUID()}`);
        const settledAs = async (text: string, more: Partial<ClaimRequest> = {}) => {
          const request = await rowIn(own, 'claimed', lease, more);
          await own.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf(text) });
          return request;
        };
        const [large, small] = [await settledAs('sixsix'), await settledAs('four')];
        const finality = { sources: ['bank'], quorum: 1, afterMs: 0 };
        const others = states.filter((state) => state !== 'committed');
        const kept = [
          await settledAs('not final', { finality }),
          await settledAs('contested', { finality }),
          await settledAs('kept for longer', { retainMs: 60_000 }),
          ...(await Promise.all(others.map((state) => rowIn(own, state)))),
        ];
        const { key } = kept[1] as ClaimRequest;
        await own.addEvidence({ key, epoch: 1, source: 'x', verdict: 'undetermined', contests: true });
        const before = await Promise.all([large, small, ...kept].map((request) => read(own, request)));
        await pause(20);
        expect(await own.prune({ retainMs: 60_000, resultsOverBytes: 4 })).toBe(0);
        expect(await own.prune({ retainMs: 10, resultsOverBytes: 4 })).toBe(1);
        expect(await own.prune({ retainMs: 10, resultsOverBytes: 4 })).toBe(0);
        const [dropped, ...rest] = await Promise.all(
          [large, small, ...kept].map((request) => read(own, request)),
        );
        expect(dropped?.receipt).toEqual({ ...before[0]?.receipt, outcome: dropped?.receipt.outcome });
        expect(dropped?.receipt.outcome).toMatchObject({ format: 'none', bytes: { length: 0 } });
        expect(rest.map(({ receipt }) => receipt)).toEqual(before.slice(1).map(({ receipt }) => receipt));
        expect(await own.claim(another(large))).toMatchObject({ state: 'committed', epoch: 1 });
        expect(await own.takeOver(another(large, { fromUnknown: true }))).toBeUndefined();
        // Sent again after a lost answer: it was settled, and stays as it is.
        const again = { ...large, epoch: 1, state: 'committed', outcome: outcomeOf('sixsix') } as const;
        expect(await own.settle(again)).toBe('committed');
        expect((await read(own, large)).receipt).toEqual(dropped?.receipt);
        expect(await own.prune({ retainMs: 10 })).toBe(4);
        expect((await read(own, large)).receipt.state).toBe('pruned');
      });

      it('keeps a receipt as long as its claim asked for, or the claim that took it over', async () => {
        const own = fixture.open(`prune ${randomUUID()}`);
        await rowIn(own, 'committed', lease, { retainMs: 60_000 });
        const brief = await rowIn(own, 'rejected', lease, { retainMs: 0 });
        const second = another(await rowIn(own, 'released', lease, { retainMs: 0 }), { retainMs: 60_000 });
        await own.takeOver(second);
        await own.settle({ ...second, epoch: 2, state: 'committed', outcome: outcomeOf('') });
        expect(await own.prune({ retainMs: 0 })).toBe(1);
        expect((await read(own, brief)).receipt.state).toBe('pruned');
      });
    });
  });
}
