/** The contract of evidence: what contradicts, what is final, what a person decides, and what is looked at when. */
import { randomUUID } from 'node:crypto';

import type { Receipt, ReceiptStore, Resolution } from '../../src/core';
import {
  another,
  lease,
  newId,
  outcomeOf,
  over,
  read,
  requestFor,
  rowIn,
  textOf,
  withPlace,
  type StoreFixture,
} from './rows';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const terms = { sources: ['webhook'], quorum: 1, afterMs: 0 };

export function describeEvidence(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`evidence in ${name}`, () => {
    let fixture: StoreFixture;
    let store: ReceiptStore;
    withPlace(makeStore, (opened, first) => ([fixture, store] = [opened, first]));

    const contested = async (state: 'unknown' | 'claimed' | 'released' = 'unknown') => {
      const owner = await rowIn(store, state, over);
      await store.addEvidence({
        ...{ key: owner.key, epoch: 1, source: 'webhook', verdict: 'undetermined', contests: true },
      });
      return owner;
    };
    const receiptOf = async (owner: { key: string }): Promise<Partial<Receipt>> =>
      (await read(store, owner)).receipt;

    describe('a contested receipt', () => {
      // Mutations: a release, a take-over or a "yes" of anybody over contradicting evidence.
      it.each(['unknown', 'claimed', 'released'] as const)(
        'that was %s is unknown, claimed by nobody, and settled by a person alone',
        async (state) => {
          const owner = await contested(state);
          expect(await receiptOf(owner)).toMatchObject({ state: 'unknown', contested: true });
          expect(await store.takeOver(another(owner, { fromUnknown: true }))).toBeUndefined();
          const yes = { key: owner.key, epoch: 1, verdict: 'committed', outcome: outcomeOf('1') } as const;
          expect(await store.resolve({ ...yes, source: 'probe' })).toBe(false);
          expect(await store.resolve({ ...yes, verdict: 'not-committed', source: 'probe' })).toBe(false);
          expect(await store.resolve({ ...yes, source: 'operator' })).toBe(true);
          expect(await receiptOf(owner)).toMatchObject({ state: 'committed', contested: false });
        },
      );

      it('is settled by its own holder all the same, who saw what happened', async () => {
        const owner = await contested();
        await store.settle({ ...owner, epoch: 1, state: 'committed', outcome: outcomeOf('late') });
        expect(await receiptOf(owner)).toMatchObject({ state: 'committed', contested: false });
      });

      // Mutation: one that contests whatever the state, or another claim.
      it.each(['committed', 'rejected', 'delegated', 'superseded'] as const)(
        'is none that is %s, held, or of another epoch',
        async (state) => {
          for (const [owner, epoch] of [
            [await rowIn(store, state), 1],
            [await rowIn(store, 'claimed', lease), 1],
            [await rowIn(store, 'unknown', over), 2],
          ] as const) {
            const before = await receiptOf(owner);
            const said = { key: owner.key, epoch, source: 'webhook', verdict: 'rejected' } as const;
            await store.addEvidence({ ...said, contests: true });
            expect(await receiptOf(owner)).toEqual(before);
          }
        },
      );

      it('is counted, and listed', async () => {
        const own = fixture.open(`contested ${randomUUID()}`);
        const { key } = await rowIn(own, 'unknown', over);
        await own.addEvidence({ key, epoch: 1, source: 'webhook', verdict: 'rejected', contests: true });
        expect(await own.stats()).toMatchObject({ contested: 1, unresolved: 1 });
        await rowIn(own, 'unknown', over);
        expect((await own.list({ contested: true })).map((r) => r.key)).toEqual([key]);
      });
    });

    describe('a person', () => {
      // Mutation: a decision that does not look whether the receipt is as it was seen.
      it('decides on what was seen: what has changed since is left alone, and nothing is kept', async () => {
        for (const [seen, ok] of [
          [{ state: 'unknown', evidence: 1 }, true],
          [{ state: 'unknown', evidence: 0 }, false],
          [{ state: 'released', evidence: 1 }, false],
        ] as const) {
          const owner = await rowIn(store, 'unknown', over);
          await store.addEvidence({ key: owner.key, epoch: 1, source: 'history', verdict: 'undetermined' });
          const decision: Resolution = {
            ...{ key: owner.key, epoch: 1, verdict: 'not-committed', source: 'operator', by: 'Ann', seen },
          };
          expect(await store.resolve(decision)).toBe(ok);
          expect((await read(store, owner)).evidence).toHaveLength(ok ? 2 : 1);
        }
      });

      it('one of two who decide at once wins', async () => {
        for (let round = 0; round < 10; round++) {
          const owner = await rowIn(store, 'unknown', over);
          const decision = {
            key: owner.key,
            epoch: 1,
            source: 'operator',
            seen: { state: 'unknown', evidence: 0 },
          };
          const answers = await Promise.all(
            (['committed', 'not-committed', 'compensated'] as const).map((verdict) =>
              store.resolve({ ...decision, verdict } as Resolution),
            ),
          );
          expect(answers.filter(Boolean)).toHaveLength(1);
        }
      });

      it('is named in the evidence, and so is why', async () => {
        const owner = await rowIn(store, 'unknown', over);
        await store.resolve({
          ...{ key: owner.key, epoch: 1, verdict: 'committed', source: 'operator', by: 'Ann', note: 'seen' },
        });
        expect((await store.get(owner.key))?.evidence).toMatchObject([
          { source: 'operator', by: 'Ann', note: 'seen', late: false },
        ]);
      });

      // Mutation: what was undone, as something that may run again, or as a result.
      it('who says that it was undone makes it rejected for good', async () => {
        for (const state of ['unknown', 'released', 'delegated'] as const) {
          const owner = await rowIn(store, state, state === 'delegated' ? lease : over);
          const undone = { key: owner.key, epoch: 1, verdict: 'compensated', source: 'operator' } as const;
          expect(await store.resolve(undone)).toBe(true);
          const receipt = await receiptOf(owner);
          expect(receipt).toMatchObject({ state: 'rejected', outcome: { format: 'compensated' } });
          expect(await store.resolve(undone)).toBe(false);
        }
      });
    });

    describe('an outcome with terms', () => {
      const settled = async (more = {}, state: 'committed' | 'rejected' = 'committed') =>
        rowIn(store, state, lease, { finality: { ...terms, ...more } });

      it('has them read back, and after a take-over those of the new claim', async () => {
        const owner = await rowIn(store, 'released', lease, { finality: terms });
        expect(await receiptOf(owner)).toMatchObject({ finality: terms, finalAt: undefined });
        expect(await store.takeOver(another(owner, { finality: undefined }))).toMatchObject({
          finality: undefined,
        });
      });

      // Mutations: final before its time, over evidence that was not weighed, or while it is contested.
      it('is final once, when its time is over and all evidence was weighed', async () => {
        const late = await settled({ afterMs: 60_000 });
        expect(await store.finalize(late.key, 1, 0)).toBe(false);
        const owner = await settled();
        expect(await store.finalize(owner.key, 2, 0)).toBe(false);
        await store.addEvidence({ key: owner.key, epoch: 1, source: 'webhook', verdict: 'committed' });
        expect(await store.finalize(owner.key, 1, 0)).toBe(false);
        expect([await store.finalize(owner.key, 1, 1), await store.finalize(owner.key, 1, 1)]).toEqual([
          true,
          false,
        ]);
        expect((await receiptOf(owner)).finalAt).toMatch(/^\d{4}-/);
        for (const state of ['claimed', 'unknown', 'released'] as const)
          expect(await store.finalize((await rowIn(store, state, over, { finality: terms })).key, 1, 0)).toBe(
            false,
          );
        expect(await store.finalize((await rowIn(store, 'committed')).key, 1, 0)).toBe(false);
      });

      it('that is contested is not final until a person confirms it, and keeps its result', async () => {
        const owner = await settled();
        const no = { key: owner.key, epoch: 1, source: 'webhook', verdict: 'rejected' } as const;
        await store.addEvidence({ ...no, contests: true });
        expect(await receiptOf(owner)).toMatchObject({ state: 'committed', contested: true });
        expect(await store.finalize(owner.key, 1, 1)).toBe(false);
        const decision = { key: owner.key, epoch: 1, source: 'operator' } as const;
        expect(await store.resolve({ ...decision, verdict: 'not-committed' })).toBe(false);
        expect(await store.resolve({ ...decision, verdict: 'committed', outcome: outcomeOf('x') })).toBe(
          true,
        );
        const now = (await read(store, owner)).receipt as Receipt;
        expect([now.state, now.contested, textOf(now)]).toEqual(['committed', false, 'first']);
        expect(now.finalAt).toBeDefined();
      });

      // Mutation: evidence that is not flagged when nothing can come of it any more.
      it('takes evidence until it is final; what comes later is kept and flagged, and changes nothing', async () => {
        const owner = await settled();
        const said = { key: owner.key, epoch: 1, source: 'webhook', verdict: 'committed' } as const;
        await store.addEvidence(said);
        await store.finalize(owner.key, 1, 1);
        await store.addEvidence({ ...said, verdict: 'rejected', contests: true });
        const plain = await rowIn(store, 'committed');
        await store.addEvidence({ ...said, key: plain.key, verdict: 'rejected' });
        expect((await store.get(owner.key))?.evidence.map((e) => e.late)).toEqual([false, true]);
        expect((await store.get(plain.key))?.evidence.map((e) => e.late)).toEqual([true]);
        expect(await receiptOf(owner)).toMatchObject({ state: 'committed', contested: false });
      });
    });

    describe('evidence', () => {
      it('keeps the result that a source gave, and how long ago it came', async () => {
        const owner = await rowIn(store, 'unknown', over);
        await store.addEvidence({
          ...{
            key: owner.key,
            epoch: 1,
            source: 'webhook',
            verdict: 'committed',
            outcome: outcomeOf('{"a":1}'),
          },
        });
        await pause(30);
        const [kept] = (await store.get(owner.key))?.evidence ?? [];
        expect(Buffer.from(kept?.outcome?.bytes ?? []).toString()).toBe('{"a":1}');
        expect(kept?.ageMs).toBeGreaterThan(15);
      });

      it('tells who had a claim that was taken over', async () => {
        const owner = await rowIn(store, 'released', over, { origin: { workflowId: 'w', attempt: '1' } });
        await store.takeOver(another(owner));
        const [attempt] = (await store.get(owner.key))?.evidence ?? [];
        expect(attempt).toMatchObject({ source: 'attempt', epoch: 1, verdict: 'undetermined' });
        expect(JSON.parse(attempt?.note ?? '')).toEqual({ workflowId: 'w', attempt: '1' });
      });
    });

    describe('the queue', () => {
      const due = async (own: ReceiptStore, holdMs = 60_000): Promise<string[]> =>
        (await own.takeDue({ limit: 100, holdMs })).map(({ receipt }) => receipt.key);

      // Mutations: a held, settled, released or contested row that is looked at; an unresolved one that is not.
      it('has what is unresolved, delegated or not yet final, and nothing else, each once at a time', async () => {
        const own = fixture.open(`queue ${randomUUID()}`);
        const open = [
          await rowIn(own, 'unknown', over),
          await rowIn(own, 'claimed', over),
          await rowIn(own, 'committed', over, { finality: terms }),
        ].map(({ key }) => key);
        for (const state of ['released', 'committed', 'rejected', 'superseded', 'pruned'] as const)
          await rowIn(own, state, state === 'superseded' ? lease : over);
        await rowIn(own, 'claimed', over, { transactional: true });
        const held = await rowIn(own, 'claimed', lease);
        const disputed = await rowIn(own, 'unknown', over);
        await own.addEvidence({
          ...{ key: disputed.key, epoch: 1, source: 'webhook', verdict: 'rejected', contests: true },
        });
        expect((await due(own)).sort()).toEqual(open.sort());
        expect(await due(own)).toEqual([]);
        await own.lookAgain([...open, held.key].map((key) => ({ key, inMs: 0 })));
        expect((await due(own)).sort()).toEqual(open.sort());
      });

      it('gives evidence and the number of looks, and a time to look again', async () => {
        const own = fixture.open(`queue ${randomUUID()}`);
        const { key } = await rowIn(own, 'unknown', over);
        await own.addEvidence({ key, epoch: 1, source: 'webhook', verdict: 'committed' });
        const [first] = await own.takeDue({ limit: 10, holdMs: 0 });
        expect([first?.looks, first?.evidence.length]).toEqual([0, 1]);
        expect((await own.takeDue({ limit: 10, holdMs: 0 })).map(({ looks }) => looks)).toEqual([1]);
        await own.lookAgain([{ key, inMs: 300 }]);
        expect(await due(own)).toEqual([]);
        await pause(320);
        expect(await due(own)).toEqual([key]);
      });

      it('has what was claimed again, and forgets what is settled', async () => {
        const own = fixture.open(`queue ${randomUUID()}`);
        const owner = await rowIn(own, 'unknown', over);
        expect(await due(own, 0)).toEqual([owner.key]);
        await own.takeOver(another(owner, { fromUnknown: true, leaseMs: over }));
        expect(await due(own, 0)).toEqual([owner.key]);
        await own.resolve({ key: owner.key, epoch: 2, verdict: 'committed', source: 'probe' });
        expect(await due(own, 0)).toEqual([]);
        expect(await due(own, 0)).toEqual([]);
      });

      // Mutation: a queue without a lock, or without a limit.
      it('is shared by many without one of them getting what another has', async () => {
        const own = fixture.open(`queue ${randomUUID()}`);
        const keys: string[] = [];
        for (let i = 0; i < 40; i++) keys.push((await rowIn(own, 'unknown', over)).key);
        const taken = await Promise.all([0, 1, 2, 3].map(() => own.takeDue({ limit: 5, holdMs: 60_000 })));
        const got = taken.flat().map(({ receipt }) => receipt.key);
        expect(new Set(got).size).toBe(got.length);
        expect(Math.max(...taken.map((batch) => batch.length))).toBeLessThanOrEqual(5);
        while (got.length < keys.length) {
          const more = await due(own);
          if (more.length === 0) break;
          got.push(...more);
        }
        expect(got.sort()).toEqual(keys.sort());
      });

      it('of a namespace has nothing of another', async () => {
        const [a, b] = [fixture.open(`queue ${randomUUID()}`), fixture.open(`queue ${randomUUID()}`)];
        await a.claim(requestFor(newId(), { namespace: a.namespace, leaseMs: over }));
        expect(await due(b)).toEqual([]);
        expect(await due(a)).toHaveLength(1);
      });
    });
  });
}
