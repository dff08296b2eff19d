import { Reconciler, type EvidenceSource, type Finding, type ReconcileCounts } from '../../src/core';
import { hashRequestId, receiptKey } from '../../src/ids';
import { World } from '../support/guarding';

const outcome = { format: 'json', bytes: new TextEncoder().encode('["found"]') };
const yes: Finding = { verdict: 'committed', outcome };
const no: Finding = { verdict: 'not-committed' };
const unsure: Finding = { verdict: 'undetermined' };

let world: World;
beforeEach(() => (world = new World()));

const source = (answer: () => Finding | Promise<Finding>, name = 'provider'): EvidenceSource => ({
  name,
  ask: async () => answer(),
});
const woken: string[] = [];
beforeEach(() => void (woken.length = 0));
const reconciler = (...sources: EvidenceSource[]): Reconciler =>
  new Reconciler({
    ...{ store: world.receipts, clock: world.clock, sources },
    wake: async ({ requestId }) => void woken.push(requestId),
  });
const pass = (r: Reconciler): Promise<ReconcileCounts> => world.clock.until(r.pass());
const none = {
  looked: 0,
  committed: 0,
  released: 0,
  contested: 0,
  final: 0,
  open: 0,
  postponed: 0,
  failed: 0,
};

describe('a reconciler', () => {
  it('settles what a source finds, and wakes who waits', async () => {
    await world.abandon();
    expect(await pass(reconciler(source(() => yes)))).toEqual({ ...none, looked: 1, committed: 1 });
    expect([await world.state(), woken]).toEqual(['committed', ['order:1']]);
    expect(await world.worker().ending()).toBe('found');
    expect(await pass(reconciler(source(() => yes)))).toEqual(none);
  });

  it('tells of each look as it comes', async () => {
    for (const requestId of ['order:1', 'order:2'])
      await world.abandon({ requestId, requestIdHash: hashRequestId(requestId) });
    let looks = 0;
    const r = reconciler(source(() => unsure));
    const { looked } = await world.clock.until(r.pass(undefined, () => looks++));
    expect([looks, looked]).toEqual([2, 2]);
  });

  // Invariant 1. Mutation: a "no" that counts although the request may still arrive.
  it('releases what did not happen, once the lease and the grace time are over', async () => {
    await world.abandon();
    const r = reconciler(source(() => no));
    expect(await pass(r)).toMatchObject({ open: 1, released: 0 });
    expect(await world.verdicts()).toEqual([]);
    await world.clock.advance(500);
    expect(await pass(r)).toEqual(none);
    await world.clock.advance(1); // and not later than needed
    expect(await pass(r)).toMatchObject({ released: 1 });
    expect(await world.worker().ending()).toBe('charge 1');
  });

  it('leaves alone who holds a claim, and what is settled', async () => {
    void world.worker().engine.run(world.call({ run: async (e) => (e.begin(), world.clock.sleep(900)) }));
    await world.clock.advance(10);
    expect(await pass(reconciler(source(() => yes)))).toEqual(none);
    await world.clock.advance(2000);
    expect(await world.state()).toBe('committed');
    expect(await pass(reconciler(source(() => no)))).toEqual(none);
  });

  // Mutation: the next source that is asked although the first one has settled it.
  it('asks its sources in their order until one has settled it, and only those that cover it', async () => {
    await world.abandon();
    const asked: string[] = [];
    const named = (name: string, finding: Finding, covers = true): EvidenceSource => ({
      ...{ name, covers: () => covers },
      ask: async () => (asked.push(name), finding),
    });
    await pass(reconciler(named('a', unsure), named('b', yes, false), named('c', yes), named('d', no)));
    expect(asked).toEqual(['a', 'c']);
  });

  it('holds for a person what its sources contradict each other about, and asks no more', async () => {
    const finality = { sources: ['a', 'b'], quorum: 2, afterMs: 0 };
    await world.abandon({ finality });
    await world.clock.advance(500);
    const r = reconciler(
      source(() => yes, 'a'),
      source(() => no, 'b'),
    );
    expect(await pass(r)).toMatchObject({ contested: 1 });
    await world.clock.advance(3_600_000);
    expect(await pass(r)).toEqual(none);
    expect([(await world.row())?.contested, woken]).toEqual([true, []]);
  });

  // Mutation: a back-off that does not grow, or has no end.
  it('asks ever more rarely, but never more rarely than every ten minutes', async () => {
    await world.abandon();
    await world.clock.advance(500);
    const start = world.clock.monotonic();
    const asked: number[] = [];
    const r = reconciler(source(() => (asked.push(world.clock.monotonic() - start), unsure)));
    for (let i = 0; i < 4000; i++) {
      await pass(r);
      await world.clock.advance(1000);
    }
    const gaps = asked.slice(1).map((at, i) => Math.round((at - (asked[i] ?? 0)) / 1000));
    expect(gaps.slice(0, 9)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600]);
  });

  it('waits no longer than half a minute for a source, and takes what it throws for no answer', async () => {
    await world.abandon();
    let aborted = false;
    const hangs: EvidenceSource = {
      name: 'hangs',
      ask: (_receipt, signal) => {
        signal.addEventListener('abort', () => (aborted = true));
        return new Promise(() => undefined);
      },
    };
    const throws = source(() => {
      throw new Error('away');
    });
    const from = world.clock.monotonic();
    expect(
      await pass(
        reconciler(
          hangs,
          throws,
          source(() => yes, 'third'),
        ),
      ),
    ).toMatchObject({ committed: 1 });
    expect([world.clock.monotonic() - from, aborted]).toEqual([30_000, true]);
  });

  it('makes final what is settled and confirmed', async () => {
    await world.worker().run({ finality: { sources: ['provider'], quorum: 1, afterMs: 60_000 } });
    await world.clock.advance(2000);
    const r = reconciler(source(() => yes));
    expect(await pass(r)).toMatchObject({ looked: 1, open: 1 });
    await world.clock.advance(70_000);
    expect(await pass(r)).toMatchObject({ final: 1 });
    await world.clock.advance(700_000);
    expect(await pass(r)).toEqual(none);
  });

  // Mutation: rows that a pass took a second time, and kept from everybody for as long as it might have looked at them.
  it('leaves to the next pass what comes due again while it goes on', async () => {
    for (const id of ['order:1', 'order:2', 'order:3'])
      await world.abandon({ requestId: id, requestIdHash: hashRequestId(id) });
    await world.clock.advance(500);
    const slow = source(async () => (await world.clock.sleep(6000), unsure));
    const { receipts } = world;
    let taken = 0;
    const store = Object.assign(Object.create(receipts) as typeof receipts, {
      takeDue: async (request: { limit: number; holdMs: number }) => {
        const due = await receipts.takeDue({ ...request, limit: taken < 2 ? 1 : 2 });
        taken += due.length;
        return due;
      },
    });
    const r = new Reconciler({ store, clock: world.clock, sources: [slow] });
    // One after the other; then the third together with the first again; then both of those once more.
    expect(await pass(r)).toMatchObject({ looked: 3, open: 3 });
    expect(taken).toBe(6);
    expect(await pass(r)).toMatchObject({ looked: 3, open: 3 });
  });

  it('beside another one never looks at the same receipt at the same time', async () => {
    for (let i = 0; i < 30; i++) {
      const id = `order:${i}`;
      await world.abandon({ requestId: id, requestIdHash: hashRequestId(id) });
    }
    const asked: string[] = [];
    const slow: EvidenceSource = {
      name: 'provider',
      ask: async ({ requestId }) => (asked.push(requestId), await world.clock.sleep(100), yes),
    };
    const counts = await world.clock.until(
      Promise.all([reconciler(slow).pass(), reconciler(slow).pass(), reconciler(slow).pass()]),
    );
    expect(counts.reduce((sum, { committed }) => sum + committed, 0)).toBe(30);
    expect(asked).toHaveLength(30);
  });

  it('watches until it is told to stop, and outlives a store that is away', async () => {
    await world.abandon();
    const stop = new AbortController();
    let failures = 2;
    const store = Object.assign(Object.create(world.receipts) as typeof world.receipts, {
      takeDue: async (request: { limit: number; holdMs: number }) => {
        if (failures-- > 0) throw new Error('away');
        return world.receipts.takeDue(request);
      },
    });
    const seen: ReconcileCounts[] = [];
    const watching = new Reconciler({ store, clock: world.clock, sources: [source(() => yes)] }).watch(
      stop.signal,
      (counts) => void seen.push(counts),
    );
    await world.clock.advance(10_000);
    stop.abort();
    await world.clock.until(watching);
    expect(seen).toEqual([{ ...none, looked: 1, committed: 1 }]);
    expect((await world.receipts.get(receiptKey('default', hashRequestId('order:1'))))?.receipt.state).toBe(
      'committed',
    );
  });
});
