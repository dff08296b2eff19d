/** The contract of what needs somebody: every receipt of it is seen, whatever has happened to it. */
import { randomUUID } from 'node:crypto';

import { isOutstanding, type ReceiptStore } from '../../src/core';
import { another, lease, outcomeOf, over, rowIn, states, withPlace, type StoreFixture } from './rows';

const tick = () => new Promise((resolve) => setTimeout(resolve, 2));

export function describeOutstanding(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`what needs somebody in ${name}`, () => {
    let fixture: StoreFixture;
    withPlace(makeStore, (opened) => (fixture = opened));

    const contest = (store: ReceiptStore, key: string) =>
      store.addEvidence({ key, epoch: 1, source: 'probe', verdict: 'rejected', contests: true });

    it('is unknown, contested or delegated: the oldest first, what was handed over last, no outcome with it', async () => {
      const own = fixture.open(`outstanding ${randomUUID()}`);
      const finality = { sources: ['webhook'], quorum: 1, afterMs: 0 };
      const rows = [];
      for (const [state, leaseMs, more] of [
        ['delegated', lease, {}],
        ...states.filter((state) => state !== 'delegated').map((state) => [state, lease, {}] as const),
        ['claimed', over, {}],
        ['claimed', over, { transactional: true }],
        ['committed', lease, { finality }],
        ['unknown', lease, {}],
      ] as const) {
        rows.push(await rowIn(own, state, leaseMs, more));
        await tick();
      }
      const [delegated, , unknown, , , , , lapsed, , provisional, last] = rows.map(({ key }) => key);
      await contest(own, provisional ?? '');
      await rowIn(fixture.open(`others ${randomUUID()}`), 'unknown');
      const found = await own.outstanding(10);
      expect(found.map(({ key }) => key)).toEqual([unknown, lapsed, provisional, last, delegated]);
      expect(found.map(({ outcome }) => outcome)).toEqual(Array(5).fill(undefined));
      expect((await own.outstanding(2)).map(({ key }) => key)).toEqual([unknown, lapsed]);
      const { oldestUnresolvedMs, unresolved, contested } = await own.stats();
      expect([unresolved, contested]).toEqual([3, 1]);
      const counts = await own.countOutstanding();
      expect(counts).toEqual({ unresolved, contested, oldestUnresolvedMs: expect.any(Number) });
      expect(counts.oldestUnresolvedMs).toBeGreaterThanOrEqual(oldestUnresolvedMs ?? Infinity);
    });

    it('has no age where there is nothing', async () => {
      const own = fixture.open(`nothing ${randomUUID()}`);
      await rowIn(own, 'committed');
      expect(await own.countOutstanding()).toEqual({ unresolved: 0, contested: 0 });
      expect(await own.outstanding(10)).toEqual([]);
    });

    // Mutation: one that is marked unknown, and not queued: no sweep comes by it any more.
    it('is also a transaction that became unknown when a reconciler had let it go as free', async () => {
      const own = fixture.open(`let go ${randomUUID()}`);
      const { key, token } = await rowIn(own, 'claimed', over, { transactional: true });
      await fixture.age();
      expect(await own.takeDue({ limit: 10, holdMs: 0 })).toEqual([]);
      expect(await own.outstanding(10)).toEqual([]);
      await own.markUnknown({ key, token });
      expect(await own.outstanding(10)).toMatchObject([{ key, state: 'unknown' }]);
    });

    // Each round, a reconciler takes what is due: it takes out of its queue what is none of its business any more.
    it('is all of it, whatever was done to the rows, and in whatever order they were reconciled', async () => {
      const own = fixture.open(`random ${randomUUID()}`);
      const random = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)] as T;
      const rows: Awaited<ReturnType<typeof rowIn>>[] = [];
      const steps = {
        claim: async () => void rows.push(await rowIn(own, 'claimed', random([over, lease]))),
        transaction: async () => void rows.push(await rowIn(own, 'claimed', over, { transactional: true })),
        delegated: async () => void rows.push(await rowIn(own, 'delegated')),
        released: async () => void rows.push(await rowIn(own, 'released')),
        mark: () => own.markUnknown(random(rows)),
        release: () => own.release(random(rows)),
        settle: () =>
          own.settle({ ...random(rows), epoch: 1, state: 'committed', outcome: outcomeOf('done') }),
        contest: () => contest(own, random(rows).key),
        no: () =>
          own.resolve({ key: random(rows).key, epoch: 1, verdict: 'not-committed', source: 'operator' }),
        again: () => own.takeOver(another(random(rows), { fromUnknown: true, leaseMs: over })),
      };
      const done: string[] = [];
      for (let round = 0; round < 12; round++) {
        for (let n = 0; n < 6; n++) {
          const [step, act] = random(Object.entries(steps).slice(0, rows.length === 0 ? 4 : undefined));
          done.push(step);
          await act();
        }
        await own.takeDue({ limit: 100, holdMs: 0 });
        const all = (await own.list({ limit: 1000 })).filter(isOutstanding).map(({ key }) => key);
        const found = (await own.outstanding(1000)).map(({ key }) => key);
        expect([done, found.sort()]).toEqual([done, all.sort()]);
        done.push('reconciled');
        await fixture.age();
      }
    });
  });
}
