/** The contract of claims: made, taken over, renewed, given back. */
import { randomUUID } from 'node:crypto';

import type { ClaimRequest, ReceiptState, ReceiptStore } from '../../src/core';
import { fingerprintOf } from '../../src/ids';
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

export function describeClaims(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`claims in ${name}`, () => {
    let fixture: StoreFixture;
    let store: ReceiptStore;
    withPlace(makeStore, (opened, first) => ([fixture, store] = [opened, first]));

    describe('a claim', () => {
      // Names of clients, workers and workflows come from elsewhere.
      it('is made although its origin has what no database keeps', async () => {
        const origin = { client: 'a\0b', workflowId: 'half \ud83d', plain: 'C:\\u0000' };
        const request = requestFor(newId(), { origin });
        const all = await Promise.all([store.claim(request), store.claim(requestFor(newId(), { origin }))]);
        expect(all.map(({ state }) => state)).toEqual(['claimed', 'claimed']);
        expect((await read(store, request)).receipt.origin['plain']).toBe('C:\\u0000');
        await store.release(request);
        expect((await store.takeOver(another(request)))?.state).toBe('claimed');
      });

      it('of a new id writes the row and returns it', async () => {
        const request = requestFor(newId(), {
          policy: 'probe',
          origin: { workflowId: 'wörk "flow"', runId: '1' },
        });
        const receipt = await store.claim(request);
        const { key, requestId, action, fingerprint, token, policy, origin } = request;
        expect(receipt).toEqual({
          ...{
            key,
            requestId,
            action,
            fingerprint,
            token,
            policy,
            origin,
            namespace: 'default',
            state: 'claimed',
            epoch: 1,
            doubt: false,
            transactional: false,
            graceMs: 0,
          },
          ...{
            ...{ outcome: undefined, settledAt: undefined },
            ...{ contested: false, finality: undefined, finalAt: undefined },
            claimedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
          },
          ...{ leaseRemainingMs: expect.any(Number), ageMs: expect.any(Number) },
        });
        expect(receipt.leaseRemainingMs).toBeGreaterThan(lease - 30_000);
        expect(receipt.leaseRemainingMs).toBeLessThanOrEqual(lease);
        expect(receipt.ageMs).toBeGreaterThanOrEqual(0);
        expect((await read(store, request)).receipt).toMatchObject({ token, state: 'claimed' });
      });

      it('re-enters with the same token and changes nothing', async () => {
        const request = requestFor(newId());
        const first = await store.claim(request);
        const again = await store.claim({ ...request, leaseMs: 2 * lease, policy: 'retry' });
        expect(again).toEqual({ ...first, leaseRemainingMs: again.leaseRemainingMs, ageMs: again.ageMs });
        expect(again.leaseRemainingMs).toBeLessThanOrEqual(lease);
      });

      it.each(states)('on a %s row of somebody else returns that row as it is', async (state) => {
        const owner = await rowIn(store, state);
        const before = await read(store, owner);
        const seen = await store.claim({
          ...owner,
          token: randomUUID(),
          action: 'other',
          fingerprint: fingerprintOf('other', 1),
        });
        expect(seen).toMatchObject({
          state,
          token: owner.token,
          epoch: 1,
          action: 'charge',
          fingerprint: owner.fingerprint,
        });
        expect((await read(store, owner)).receipt).toEqual(before.receipt);
      });

      it('has exactly one winner among 64 of 8 processes at once, whom all the others see', async () => {
        const base = requestFor(newId());
        const stores = Array.from({ length: 8 }, () => fixture.open('default'));
        const claims = Array.from({ length: 64 }, () => ({ ...base, token: randomUUID() }));
        const claim = (request: ClaimRequest, i: number) => (stores[i % 8] ?? store).claim(request);
        const seen = await Promise.all(claims.map(claim));
        expect(new Set(seen.map((receipt) => receipt.token)).size).toBe(1);
        expect(claims.map((c) => c.token)).toContain(seen[0]?.token);
        expect(new Set(seen.map((r) => r.epoch))).toEqual(new Set([1]));
      });

      it('keeps ids as they are written, whatever the writing', async () => {
        for (const id of [
          'счёт:42',
          '請求書:😀',
          'a\u0301',
          "'; drop table receipts; --",
          ' spaces\n\t',
          '\\x00',
        ]) {
          const requestId = `${id} ${newId()}`;
          const receipt = await store.claim(requestFor(requestId, { action: id }));
          expect([receipt.requestId, receipt.action]).toEqual([requestId, id]);
        }
      });

      it('never meets one of another namespace, which has a row of its own', async () => {
        const [mine, theirs] = [fixture.open('mine'), fixture.open('theirs')];
        const id = newId();
        const a = requestFor(id, { namespace: 'mine' });
        await mine.claim(a);
        await mine.settle({ ...a, epoch: 1, state: 'committed', outcome: outcomeOf('mine') });
        const b = await theirs.claim(requestFor(id, { namespace: 'theirs' }));
        expect([b.state, b.namespace, (await mine.list()).length]).toEqual(['claimed', 'theirs', 1]);
        await theirs.resolve({ key: b.key, epoch: 1, verdict: 'committed', source: 'test' });
        expect((await theirs.list()).map((r) => r.namespace)).toEqual(['theirs']);
        expect([await mine.stats(), await theirs.stats()]).toMatchObject([
          { states: { committed: 1, claimed: 0 }, evidence: [] },
          {
            states: { committed: 0, claimed: 1 },
            evidence: [{ source: 'test', verdict: 'committed', count: 1 }],
          },
        ]);
      });
    });

    describe('a take-over', () => {
      // [state, lease over, allowed without doubt, allowed from unknown]
      it.each<[ReceiptState, string, number, boolean, boolean]>([
        ['claimed', 'a standing lease', lease, false, false],
        ['claimed', 'a lease that is over', over, false, true],
        ['unknown', 'a standing lease', lease, false, true],
        ['unknown', 'a lease that is over', over, false, true],
        ['released', 'a standing lease', lease, true, true],
        ['released', 'a lease that is over', over, true, true],
        ['committed', 'a lease that is over', over, false, false],
        ['rejected', 'a lease that is over', over, false, false],
      ])(
        'of a %s row with %s is allowed as it should be',
        async (state, _lease, leaseMs, plain, fromUnknown) => {
          for (const [from, allowed] of [
            [false, plain],
            [true, fromUnknown],
          ] as const) {
            const owner = await rowIn(store, state, leaseMs);
            const before = await read(store, owner);
            const request = another(owner, {
              fromUnknown: from,
              leaseMs: lease,
              policy: 'retry',
              origin: { worker: 'second' },
            });
            expect(await store.takeOver({ ...request, epoch: 2 })).toBeUndefined();
            const taken = await store.takeOver(request);
            expect([from, taken !== undefined]).toEqual([from, allowed]);
            const changed = {
              ...{ state: 'claimed', token: request.token, epoch: 2, doubt: state !== 'released' },
              ...{ policy: 'retry', origin: { worker: 'second' } },
            };
            expect((await read(store, owner)).receipt).toEqual(
              allowed ? { ...before.receipt, ...changed } : before.receipt,
            );
            if (allowed) expect(taken?.leaseRemainingMs).toBeGreaterThan(0);
          }
        },
      );

      it('has exactly one winner among 16 at once', async () => {
        const owner = await rowIn(store, 'released');
        const taken = await Promise.all(Array.from({ length: 16 }, () => store.takeOver(another(owner))));
        expect(taken.filter((receipt) => receipt !== undefined)).toHaveLength(1);
        expect((await read(store, owner)).receipt.epoch).toBe(2);
      });

      it('of no row, or asked again after it succeeded, gives nothing', async () => {
        expect(await store.takeOver(another(requestFor(newId())))).toBeUndefined();
        const request = another(await rowIn(store, 'released'));
        expect([(await store.takeOver(request))?.epoch, await store.takeOver(request)]).toEqual([
          2,
          undefined,
        ]);
      });

      it.each(['released', 'unknown'] as const)(
        'of a %s row is vetoed by evidence that it happened',
        async (state) => {
          const owner = await rowIn(store, state);
          const late = {
            ...owner,
            token: randomUUID(),
            epoch: 1,
            state: 'committed',
            outcome: outcomeOf('late'),
          } as const;
          expect(await store.settle(late)).toBe('late');
          expect(await store.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
          expect((await read(store, owner)).receipt.state).toBe(state);
        },
      );
    });

    describe('a renewal', () => {
      it('extends the leases that stand and no others, and says which', async () => {
        const standing = await rowIn(store, 'claimed', 30_000);
        const lapsed = await rowIn(store, 'claimed', over);
        const others = await Promise.all(
          states.filter((s) => s !== 'claimed').map((state) => rowIn(store, state, 30_000)),
        );
        const stranger = { key: standing.key, token: randomUUID() };
        const missing = requestFor(newId());
        const renewed = await store.renew([stranger, lapsed, ...others, missing, standing], 90_000);
        expect([...renewed]).toEqual([standing.token]);
        expect((await read(store, standing)).leaseRemainingMs).toBeGreaterThan(30_000);
        expect((await read(store, lapsed)).leaseRemainingMs).toBeLessThanOrEqual(0);
        for (const other of others)
          expect((await read(store, other)).leaseRemainingMs).toBeLessThanOrEqual(30_000);
        expect((await store.renew([], lease)).size).toBe(0);
      });

      // Mutation: renewing by the key alone.
      it('by somebody else extends nothing, also where the holder does not ask', async () => {
        const owner = await rowIn(store, 'claimed', 30_000);
        expect((await store.renew([another(owner)], 90_000)).size).toBe(0);
        expect((await read(store, owner)).leaseRemainingMs).toBeLessThanOrEqual(30_000);
      });

      it('of many claims at once, in any order and side by side, renews them all', async () => {
        const claims = await Promise.all(Array.from({ length: 100 }, () => rowIn(store, 'claimed')));
        const orders = [
          claims,
          [...claims].reverse(),
          [...claims].sort((a, b) => (a.token < b.token ? -1 : 1)),
        ];
        // Unsorted row locks would wait for each other in a circle.
        const renewed = await Promise.all(
          [...orders, ...orders].map((order) => store.renew(order, 2 * lease)),
        );
        expect(renewed.map((tokens) => tokens.size)).toEqual(Array(6).fill(100));
      });
    });

    describe('a release, and the mark of an unknown outcome,', () => {
      it.each(states)('change a %s row only while it is open under their token', async (state) => {
        for (const step of ['release', 'markUnknown'] as const) {
          for (const leaseMs of [lease, over]) {
            const owner = await rowIn(store, state, leaseMs);
            const before = await read(store, owner);
            expect(await store[step]({ key: owner.key, token: randomUUID() })).toBe(false);
            expect((await read(store, owner)).receipt).toEqual(before.receipt);
            const isOpen = state === 'claimed' || state === 'delegated';
            expect(await store[step](owner)).toBe(isOpen);
            const now = await read(store, owner);
            expect(now.receipt.state).toBe(
              isOpen ? (step === 'release' ? 'released' : 'unknown') : before.receipt.state,
            );
            // The lease keeps its length: a probe must not count too early.
            expect(now.leaseRemainingMs > 0).toBe(leaseMs > 0);
            expect(now.evidence).toEqual(before.evidence);
          }
        }
      });

      it('of a claim taken over in doubt leave it unknown', async () => {
        for (const step of ['release', 'markUnknown'] as const) {
          const second = another(await rowIn(store, 'unknown'), { fromUnknown: true });
          await store.takeOver(second);
          await store[step](second);
          expect((await read(store, second)).receipt).toMatchObject({ state: 'unknown', epoch: 2 });
        }
      });
    });
  });
}
