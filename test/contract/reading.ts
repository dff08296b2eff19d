/** The contract of reading: what people and tools see of receipts. */
import { randomUUID } from 'node:crypto';

import type { ListFilter, Origin, ReceiptStore } from '../../src/core';
import {
  lease,
  outcomeOf,
  over,
  requestFor,
  newId,
  rowIn,
  states,
  withPlace,
  type StoreFixture,
} from './rows';

export function describeReading(name: string, makeStore: () => Promise<StoreFixture>): void {
  describe(`reading in ${name}`, () => {
    let fixture: StoreFixture;
    let store: ReceiptStore;
    withPlace(makeStore, (opened, first) => ([fixture, store] = [opened, first]));

    describe('reading', () => {
      it('of a receipt gives its evidence in the order it came, with its notes', async () => {
        const owner = await rowIn(store, 'committed');
        await store.resolve({ key: owner.key, epoch: 1, verdict: 'not-committed', source: 'probe' });
        await store.resolve({
          key: owner.key,
          epoch: 1,
          verdict: 'committed',
          source: 'operator',
          note: 'Ünïcode "note"',
        });
        const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
        const late = {
          epoch: 1,
          at,
          ageMs: expect.any(Number),
          by: undefined,
          late: true,
          outcome: undefined,
        };
        expect((await store.get(owner.key))?.evidence).toEqual([
          { source: 'probe', verdict: 'not-committed', note: undefined, ...late },
          { source: 'operator', verdict: 'committed', note: 'Ünïcode "note"', ...late },
        ]);
        expect(await store.get(requestFor(newId()).key)).toBeUndefined();
      });

      it('of lists and counts takes lapsed claims for unresolved, and standing ones not', async () => {
        const own = fixture.open(`list ${randomUUID()}`);
        const keys: string[] = [];
        for (const [state, leaseMs] of [
          ...states.map((s) => [s, lease] as const),
          ['claimed', over] as const,
        ]) {
          keys.push((await rowIn(own, state, leaseMs)).key);
        }
        const listed = async (filter?: Parameters<ReceiptStore['list']>[0]): Promise<string[]> =>
          (await own.list(filter)).map((r) => r.key);
        const [standing, , unknown, released, committed, rejected, , lapsed] = keys;
        expect((await listed()).sort()).toEqual([...keys].sort());
        expect((await listed({ unresolved: true })).sort()).toEqual([unknown, lapsed].sort());
        expect((await listed({ states: ['claimed'] })).sort()).toEqual([standing, lapsed].sort());
        expect((await listed({ states: ['committed', 'rejected', 'released'] })).sort()).toEqual(
          [released, committed, rejected].sort(),
        );
        expect(await listed({ states: ['claimed', 'released'], unresolved: true })).toEqual([lapsed]);
        expect(await listed({ states: [] })).toEqual([]);
        expect(await listed({ limit: 2 })).toHaveLength(2);
        const oldestMs = Math.max(...(await own.list({ unresolved: true })).map(({ ageMs }) => ageMs));
        const { oldestUnresolvedMs = 0, ...counts } = await own.stats();
        expect(oldestUnresolvedMs).toBeGreaterThanOrEqual(oldestMs);
        expect(counts).toEqual({
          states: {
            ...{ claimed: 2, delegated: 1, unknown: 1, released: 1, committed: 1, rejected: 1 },
            ...{ superseded: 1, pruned: 0 },
          },
          ...{ unresolved: 2, contested: 0 },
          evidence: [{ source: 'test', verdict: 'superseded', count: 1 }],
        });
      });

      it('of counts tells no age where nothing is unresolved', async () => {
        const own = fixture.open(`settled ${randomUUID()}`);
        await rowIn(own, 'committed');
        expect((await own.stats()).oldestUnresolvedMs).toBeUndefined();
      });

      it('of a list keeps to one workflow, and to what was claimed since a time', async () => {
        const own = fixture.open(`of a workflow ${randomUUID()}`);
        const claimedBy = async (origin: Origin): Promise<string> =>
          (await rowIn(own, 'committed', lease, { origin })).key;
        const [first, second] = [
          await claimedBy({ workflowId: 'order "1"', runId: 'a' }),
          await claimedBy({ workflowId: 'order "1"', runId: 'b' }),
        ];
        const other = await claimedBy({ workflowId: 'order 1', runId: 'a' });
        const nobodys = await claimedBy({ worker: 'order "1"' });
        const listed = async (filter: ListFilter): Promise<string[]> =>
          (await own.list(filter)).map((r) => r.key).sort();
        expect(await listed({ workflowId: 'order "1"' })).toEqual([first, second].sort());
        expect(await listed({ workflowId: 'order 1', states: ['committed'] })).toEqual([other]);
        expect(await listed({ workflowId: 'order 1', unresolved: true })).toEqual([]);
        expect(await listed({ workflowId: 'order' })).toEqual([]);
        expect(await listed({ workflowId: '' })).toEqual([]);
        const [row] = await own.list({ workflowId: 'order 1' });
        const at = Date.parse(row?.claimedAt ?? '');
        const all = [first, second, other, nobodys].sort();
        expect(await listed({ claimedSince: new Date(at - 60_000).toISOString() })).toEqual(all);
        expect(await listed({ claimedSince: new Date(at + 60_000).toISOString() })).toEqual([]);
        expect(await listed({ workflowId: 'order 1', claimedSince: row?.claimedAt ?? '' })).toEqual([other]);
        expect(await listed({ workflowId: 'order 1', claimedSince: '9999-01-01T00:00:00Z' })).toEqual([]);
      });

      it('of a list keeps to one action, and to what was claimed before a time', async () => {
        const own = fixture.open(`of an action ${randomUUID()}`);
        const charged = await rowIn(own, 'committed', lease, { action: 'charge' });
        const refunded = await rowIn(own, 'committed', lease, { action: 'refund' });
        const listed = async (filter: ListFilter): Promise<string[]> =>
          (await own.list(filter)).map((r) => r.key).sort();
        expect(await listed({ action: 'charge' })).toEqual([charged.key]);
        expect(await listed({ action: 'refund', states: ['unknown'] })).toEqual([]);
        expect(await listed({ action: '' })).toEqual([]);
        const [row] = await own.list({ action: 'charge' });
        const at = Date.parse(row?.claimedAt ?? '');
        const iso = (ms: number): string => new Date(at + ms).toISOString();
        expect(await listed({ claimedBefore: iso(60_000) })).toEqual([charged.key, refunded.key].sort());
        expect(await listed({ claimedBefore: row?.claimedAt ?? '' })).not.toContain(charged.key);
        const around = { claimedSince: iso(-60_000), claimedBefore: iso(60_000), action: 'refund' };
        expect(await listed(around)).toEqual([refunded.key]);
        expect(await listed({ claimedSince: iso(60_000), claimedBefore: iso(120_000) })).toEqual([]);
      });

      it('of a list goes through all, page by page in the order of the keys', async () => {
        const own = fixture.open(`pages ${randomUUID()}`);
        const keys: string[] = [];
        for (let i = 0; i < 7; i++)
          keys.push((await rowIn(own, 'claimed', lease, { action: i === 3 ? 'refund' : 'charge' })).key);
        const sorted = [...keys].sort();
        const pageAfter = async (afterKey: string, more: ListFilter = {}): Promise<string[]> =>
          (await own.list({ afterKey, limit: 3, ...more })).map((r) => r.key);
        expect(await pageAfter('00000000-0000-0000-0000-000000000000')).toEqual(sorted.slice(0, 3));
        expect(await pageAfter(sorted[2] ?? '')).toEqual(sorted.slice(3, 6));
        expect(await pageAfter(sorted[5] ?? '')).toEqual(sorted.slice(6));
        expect(await pageAfter(sorted[6] ?? '')).toEqual([]);
        const charges = sorted.filter((key) => key !== keys[3]);
        expect(await pageAfter(sorted[0] ?? '', { action: 'charge', limit: 9 })).toEqual(
          charges.filter((key) => key > (sorted[0] ?? '')),
        );
      });

      it('of a list leaves out outcomes where they are not wanted', async () => {
        const own = fixture.open(`briefly ${randomUUID()}`);
        const { key } = await rowIn(own, 'committed');
        const whole = expect.objectContaining({ key, state: 'committed', outcome: outcomeOf('first') });
        const brief = expect.objectContaining({ key, state: 'committed', outcome: undefined });
        expect(await own.list()).toEqual([whole]);
        expect(await own.list({ omitOutcomes: true })).toEqual([brief]);
        const first = '00000000-0000-0000-0000-000000000000';
        expect(await own.list({ omitOutcomes: true, afterKey: first })).toEqual([brief]);
      });

      it('of a list gives the newest first', async () => {
        const own = fixture.open(`order ${randomUUID()}`);
        const keys: string[] = [];
        for (let i = 0; i < 5; i++) {
          keys.unshift((await rowIn(own, 'claimed')).key);
          await new Promise((resolve) => setTimeout(resolve, 2)); // a clock tick apart
        }
        expect((await own.list()).map((r) => r.key)).toEqual(keys);
      });
    });
  });
}
