/** The contract of outcomes: settled, resolved, and kept for ever. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';

import type { ReceiptState, ReceiptStore } from '../../src/core';
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
  textOf,
  withPlace,
  type StoreFixture,
} from './rows';

export function describeOutcomes(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`outcomes in ${name}`, () => {
    let store: ReceiptStore;
    withPlace(makeStore, (_opened, first) => (store = first));

    describe('a settlement', () => {
      // [state, what "committed" answers, what "rejected" answers]
      it.each<[ReceiptState, string, string]>([
        ['claimed', 'committed', 'rejected'],
        ['unknown', 'committed', 'late'],
        ['released', 'committed', 'late'],
        ['committed', 'committed', 'late'],
        ['rejected', 'late', 'rejected'],
      ])(
        'of a %s row under its own token answers "%s", or "%s" for a refusal',
        async (state, onCommitted, onRejected) => {
          for (const leaseMs of [lease, over]) {
            for (const [verdict, answer] of [
              ['committed', onCommitted],
              ['rejected', onRejected],
            ] as const) {
              const owner = await rowIn(store, state, leaseMs);
              const before = await read(store, owner);
              expect(
                await store.settle({
                  ...owner,
                  epoch: 1,
                  state: verdict,
                  outcome: outcomeOf('second', verdict),
                }),
              ).toBe(answer);
              const now = await read(store, owner);
              expect(now.evidence).toEqual(answer === 'late' ? [`late-settle: ${verdict} (1)`] : []);
              if (answer === 'late' || state === verdict) {
                // What is settled is never changed, nor is a row by what came too late for it.
                expect(now.receipt).toEqual(before.receipt);
              } else {
                expect(now.receipt).toMatchObject({
                  state: verdict,
                  epoch: 1,
                  token: owner.token,
                  outcome: { format: verdict },
                });
                expect([
                  textOf({ ...now.receipt, leaseRemainingMs: 0, ageMs: 0 }),
                  now.receipt.settledAt,
                ]).toEqual(['second', expect.any(String)]);
              }
            }
          }
        },
      );

      it.each(states)(
        'of a %s row under another token changes nothing and is kept as evidence',
        async (state) => {
          const owner = await rowIn(store, state);
          const before = await read(store, owner);
          for (const verdict of ['committed', 'rejected'] as const) {
            const stale = {
              key: owner.key,
              token: randomUUID(),
              epoch: 5,
              state: verdict,
              outcome: outcomeOf('stale'),
            };
            expect(await store.settle(stale)).toBe('late');
          }
          expect(await read(store, owner)).toMatchObject({
            receipt: before.receipt,
            evidence: [...before.evidence, 'late-settle: committed (5)', 'late-settle: rejected (5)'],
          });
        },
      );

      it('sent again after a lost answer answers the same, and leaves no evidence', async () => {
        for (const state of ['committed', 'rejected'] as const) {
          const owner = await rowIn(store, 'claimed');
          const settlement = { ...owner, epoch: 1, state, outcome: outcomeOf('once') };
          const answers = [await store.settle(settlement), await store.settle(settlement)];
          expect([answers, (await read(store, owner)).evidence]).toEqual([[state, state], []]);
        }
      });

      it('by a holder that somebody else took over from is kept beside the row, in every later state', async () => {
        for (const state of ['claimed', 'unknown', 'released', 'committed', 'rejected'] as const) {
          const first = await rowIn(store, 'unknown', over);
          const second = another(first, { fromUnknown: true });
          await store.takeOver(second);
          if (state === 'unknown') await store.markUnknown(second);
          if (state === 'released' || state === 'rejected') {
            // Free of doubt, so that it can end so at all.
            await store.markUnknown(second);
            const lapsed = another(first, { fromUnknown: true, epoch: 2, leaseMs: over });
            await store.takeOver(lapsed);
            await store.resolve({ key: first.key, epoch: 3, verdict: 'not-committed', source: 'test' });
            const last = another(first, { epoch: 3 });
            await store.takeOver(last);
            if (state === 'released') await store.release(last);
            else await store.settle({ ...last, epoch: 4, state, outcome: outcomeOf('no') });
          }
          if (state === 'committed')
            await store.settle({ ...second, epoch: 2, state, outcome: outcomeOf('second') });
          const before = await read(store, first);
          expect(before.receipt.state).toBe(state);
          expect(
            await store.settle({ ...first, epoch: 1, state: 'committed', outcome: outcomeOf('first') }),
          ).toBe('late');
          const now = await read(store, first);
          expect(now.receipt).toEqual(before.receipt);
          expect(now.evidence.at(-1)).toBe('late-settle: committed (1)');
        }
      });

      it('in doubt: a refusal leaves it unknown and without outcome, a result settles it', async () => {
        const second = another(await rowIn(store, 'unknown'), { fromUnknown: true });
        await store.takeOver(second);
        expect(await store.settle({ ...second, epoch: 2, state: 'rejected', outcome: outcomeOf('no') })).toBe(
          'unknown',
        );
        expect((await read(store, second)).receipt).toMatchObject({
          state: 'unknown',
          outcome: undefined,
          settledAt: undefined,
          doubt: true,
        });
        expect(
          await store.settle({ ...second, epoch: 2, state: 'committed', outcome: outcomeOf('yes') }),
        ).toBe('committed');
      });

      it('keeps exactly the bytes it was given: none, and 2 MiB of anything', async () => {
        for (const bytes of [new Uint8Array(), new Uint8Array(randomBytes(2 * 1024 * 1024))]) {
          const owner = await rowIn(store, 'claimed');
          await store.settle({ ...owner, epoch: 1, state: 'committed', outcome: { format: 'raw', bytes } });
          const { outcome } = (await read(store, owner)).receipt;
          const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
          expect([
            outcome?.format,
            outcome?.bytes.length,
            digest(outcome?.bytes ?? new Uint8Array([1])),
          ]).toEqual(['raw', bytes.length, digest(bytes)]);
        }
      });
    });

    describe('a resolution', () => {
      // [state, lease, "committed" settles it, "not-committed" releases it]
      it.each<[ReceiptState, string, number, boolean, boolean]>([
        ['claimed', 'a standing lease', lease, false, false],
        ['claimed', 'a lease that is over', over, true, true],
        ['unknown', 'a standing lease', lease, true, false],
        ['unknown', 'a lease that is over', over, true, true],
        ['released', 'a lease that is over', over, true, false],
        ['committed', 'a lease that is over', over, false, false],
        ['rejected', 'a lease that is over', over, false, false],
      ])(
        'of a %s row with %s does what it may, and is kept as evidence either way',
        async (state, _lease, leaseMs, settles, releases) => {
          for (const [verdict, allowed] of [
            ['committed', settles],
            ['not-committed', releases],
          ] as const) {
            const owner = await rowIn(store, state, leaseMs);
            const before = await read(store, owner);
            const resolution = {
              key: owner.key,
              epoch: 1,
              verdict,
              source: 'operator',
              note: 'seen',
              outcome: outcomeOf('found'),
            } as const;
            expect([verdict, await store.resolve(resolution)]).toEqual([verdict, allowed]);
            const { receipt, evidence } = await read(store, owner);
            expect(evidence).toEqual([`operator: ${verdict} (1)`]);
            if (!allowed) expect(receipt).toEqual(before.receipt);
            else if (verdict === 'committed')
              expect([receipt.state, textOf({ ...receipt, leaseRemainingMs: 0, ageMs: 0 })]).toEqual([
                'committed',
                'found',
              ]);
            else expect(receipt).toEqual({ ...before.receipt, state: 'released' });
          }
        },
      );

      // Mutation: a "no" that looks at the lease alone.
      it('as not committed waits for the grace time of the claim, or of the one that took it over', async () => {
        const no = { epoch: 1, verdict: 'not-committed', source: 'operator' } as const;
        const waits = await rowIn(store, 'unknown', over, { graceMs: -over + 5000 });
        expect(await store.resolve({ ...no, key: waits.key })).toBe(false);
        const done = await rowIn(store, 'unknown', over, { graceMs: -over - 5000 });
        expect(await store.resolve({ ...no, key: done.key })).toBe(true);
        const second = another(await rowIn(store, 'unknown'), {
          ...{ fromUnknown: true, leaseMs: over, graceMs: -over + 5000 },
        });
        await store.takeOver(second);
        expect(await store.resolve({ ...no, key: second.key, epoch: 2 })).toBe(false);
        expect((await read(store, second)).receipt.graceMs).toBe(-over + 5000);
      });

      it('of another epoch changes nothing, but its evidence is kept', async () => {
        const owner = await rowIn(store, 'unknown', over);
        for (const verdict of ['not-committed', 'committed'] as const) {
          expect(await store.resolve({ key: owner.key, epoch: 2, verdict, source: 'probe' })).toBe(false);
        }
        expect(await read(store, owner)).toMatchObject({
          receipt: { state: 'unknown' },
          evidence: ['probe: not-committed (2)', 'probe: committed (2)'],
        });
      });

      it('that it did not happen is vetoed by any evidence that it did', async () => {
        const owner = await rowIn(store, 'unknown', over);
        await store.resolve({ key: owner.key, epoch: 9, verdict: 'committed', source: 'webhook' });
        expect(
          await store.resolve({ key: owner.key, epoch: 1, verdict: 'not-committed', source: 'probe' }),
        ).toBe(false);
        expect((await read(store, owner)).receipt.state).toBe('unknown');
        expect(
          await store.resolve({ key: owner.key, epoch: 1, verdict: 'committed', source: 'operator' }),
        ).toBe(true);
      });

      it('without a result says that it happened, and takes the doubt away', async () => {
        const second = another(await rowIn(store, 'unknown'), { fromUnknown: true });
        await store.takeOver(second);
        await store.markUnknown(second);
        expect(
          await store.resolve({ key: second.key, epoch: 2, verdict: 'committed', source: 'operator' }),
        ).toBe(true);
        expect((await read(store, second)).receipt).toMatchObject({
          state: 'committed',
          doubt: false,
          outcome: { format: 'none' },
        });
      });

      it('by two sources at once: one settles it, and both are kept', async () => {
        const { key } = await rowIn(store, 'unknown', over);
        const verdicts = ['committed', 'not-committed'] as const;
        const done = await Promise.all(
          verdicts.map((verdict) => store.resolve({ key, epoch: 1, verdict, source: 'race' })),
        );
        const { receipt, evidence } = await read(store, { key });
        expect(evidence).toHaveLength(2);
        // "Committed" may still settle what was released a moment before; never the other way round.
        expect([done[0], receipt.state]).toEqual([true, 'committed']);
      });

      it('of a row that is not there is refused', async () => {
        expect(
          await store.resolve({ key: requestFor(newId()).key, epoch: 1, verdict: 'committed', source: 'x' }),
        ).toBe(false);
      });
    });
  });
}
