import { InvalidRequestError, Reconciler, type EvidenceSource, type ReconcileCounts } from '../../src/core';
import { checkBudget, Turnstile, type SourceBudget } from '../../src/core/budget';
import { hashRequestId } from '../../src/ids';
import { FakeClock } from '../support/fake-clock';
import { World } from '../support/guarding';

/** The most of these moments that any second has, which begins with one of them. */
const mostInASecond = (moments: readonly number[]): number =>
  Math.max(...moments.map((from) => moments.filter((at) => at >= from && at < from + 999.999).length));

describe('a turnstile', () => {
  const clock = new FakeClock();

  // Mutation: one that lets a burst through, or forgets how many are being answered.
  it('lets no more through than the budget has, in their order', async () => {
    const turnstile = new Turnstile(clock, { atOnce: 4, perSecond: 20 });
    const asked: number[] = [];
    let [now, most] = [0, 0];
    const order: number[] = [];
    const comers = Array.from({ length: 90 }, async (_, i) => {
      const done = await turnstile.turn();
      if (!done) throw new Error('no turn');
      order.push(i);
      asked.push(clock.monotonic());
      most = Math.max(most, ++now);
      await clock.sleep(i < 20 ? 1000 : 1);
      now--;
      done();
    });
    await clock.until(Promise.all(comers));
    expect({ most, inASecond: mostInASecond(asked) }).toEqual({ most: 4, inASecond: 20 });
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('sends away who would wait for long, and who has waited for long because the source is slow', async () => {
    const turnstile = new Turnstile(clock, { atOnce: 2, perSecond: 20 });
    const from = clock.monotonic();
    const turns = Array.from({ length: 150 }, () => turnstile.turn());
    let given = 0;
    const waited: number[] = [];
    for (const turn of turns)
      void turn.then(async (done) => {
        if (!done) return void waited.push(clock.monotonic() - from);
        given++;
        await clock.sleep(20_000);
        done();
      });
    await clock.until(Promise.all(turns));
    const sentAway = waited.filter((ms) => ms === 0).length;
    expect(sentAway).toBeGreaterThan(40); // more than five seconds at 20 each
    expect(given).toBe(4);
    expect(Math.max(...waited)).toBeLessThanOrEqual(60_000);
    expect(given + waited.length).toBe(150);
  });

  it('has everybody who waits go when it closes', async () => {
    const turnstile = new Turnstile(clock, { atOnce: 1 });
    const done = await turnstile.turn();
    const waiting = turnstile.turn();
    turnstile.close();
    expect(await waiting).toBeUndefined();
    done?.();
    expect(await turnstile.turn()).toBeDefined();
  });

  // Mutation: a time to come again that is the same for all of them.
  it('gives 20,000 a time to come again, so that they neither crowd nor leave the budget unused', async () => {
    const turnstile = new Turnstile(clock, { atOnce: 4, perSecond: 20 });
    const [start, seconds] = [clock.monotonic(), 180];
    const asked: number[] = [];
    let comings = 0;
    /** How many come, by the second. */
    const due: number[] = [20_000];
    const come = (): void => {
      comings++;
      void turnstile.turn().then((done) => {
        if (!done) {
          const second = Math.ceil((clock.monotonic() + turnstile.laterMs() - start) / 1000);
          return void (due[second] = (due[second] ?? 0) + 1);
        }
        asked.push(Math.floor((clock.monotonic() - start) / 1000));
        done();
      });
    };
    for (let second = 0; second < seconds; second++) {
      for (let i = 0; i < (due[second] ?? 0); i++) come();
      await clock.advance(1000);
    }
    expect(asked.length).toBeGreaterThan(0.97 * 20 * seconds);
    expect(asked.length).toBeLessThanOrEqual(20 * seconds + 1);
    expect(comings).toBeLessThan(20_000 * 3);
  });

  it.each<[SourceBudget, RegExp]>([
    [{ atOnce: 0 }, /of stripe: atOnce takes a whole number from 1/],
    [{ atOnce: 1.5 }, /atOnce/],
    [{ atOnce: '4' as never }, /atOnce/],
    [{ atOnce: NaN }, /atOnce/],
    [{ perSecond: 0 }, /of stripe: perSecond takes a number above 0/],
    [{ perSecond: -1 }, /perSecond/],
    [{ perSecond: NaN }, /perSecond/],
    [{ perSecond: '20' as never }, /perSecond/],
  ])('is not made of %p', (budget, message) => {
    expect(() => checkBudget('stripe', budget)).toThrow(message);
    const sources = [{ name: 'stripe', budget, ask: async () => ({ verdict: 'undetermined' }) as const }];
    const world = new World();
    expect(() => new Reconciler({ store: world.receipts, clock, sources })).toThrow(InvalidRequestError);
  });

  it('may be as wide as one likes', () => {
    checkBudget('stripe', { atOnce: Infinity, perSecond: Infinity });
    checkBudget('stripe', { perSecond: 0.1 });
    checkBudget('stripe', {});
  });
});

describe('a reconciler whose source has a budget', () => {
  let world: World;
  const asked: { id: string; at: number }[] = [];
  beforeEach(() => {
    world = new World();
    asked.length = 0;
  });

  const abandon = async (id: string): Promise<unknown> =>
    world.abandon({ requestId: id, requestIdHash: hashRequestId(id), leaseMs: 1 });

  const of = (kind: string, budget: SourceBudget | undefined, takesMs = 10): EvidenceSource => ({
    ...{ name: kind, budget, covers: ({ requestId }) => requestId.startsWith(kind) },
    ask: async ({ requestId }) => {
      asked.push({ id: requestId, at: world.clock.monotonic() });
      await world.clock.sleep(takesMs);
      return { verdict: 'committed', outcome: { format: 'json', bytes: new TextEncoder().encode('[1]') } };
    },
  });

  const momentsOf = (kind: string): number[] =>
    asked.filter(({ id }) => id.startsWith(kind)).map(({ at }) => at);

  async function watching(sources: readonly EvidenceSource[], seconds: number): Promise<ReconcileCounts[]> {
    const stop = new AbortController();
    const seen: ReconcileCounts[] = [];
    const reconciler = new Reconciler({ store: world.receipts, clock: world.clock, sources });
    const watched = reconciler.watch(stop.signal, (counts) => void seen.push(counts));
    for (let second = 0; second < seconds; second++) await world.clock.advance(1000);
    stop.abort();
    await world.clock.until(watched);
    return seen;
  }

  it('asks it never more than that, all the time as much, and the others go on meanwhile', async () => {
    for (let i = 0; i < 400; i++) await abandon(`charge:${i}`);
    for (let i = 0; i < 30; i++) await abandon(`mail:${i}`);
    await world.clock.advance(600);
    const from = world.clock.monotonic();
    await watching([of('charge', { atOnce: 4, perSecond: 20 }), of('mail', undefined)], 26);
    const charges = momentsOf('charge');
    expect([charges.length, mostInASecond(charges)]).toEqual([400, 20]);
    expect(Math.max(...charges) - from).toBeLessThan(24_000);
    expect(momentsOf('mail')).toHaveLength(30);
    expect(Math.max(...momentsOf('mail')) - from).toBeLessThan(200);
  });

  it('is not held up by one that hangs', async () => {
    for (let i = 0; i < 60; i++) await abandon(`hangs:${i}`);
    for (let i = 0; i < 40; i++) await abandon(`mail:${i}`);
    await world.clock.advance(600);
    const from = world.clock.monotonic();
    await watching([of('hangs', { atOnce: 2 }, 1e9), of('mail', {})], 5);
    expect(momentsOf('hangs')).toHaveLength(2);
    expect(momentsOf('mail')).toHaveLength(40);
    expect(Math.max(...momentsOf('mail')) - from).toBeLessThan(200);
  });

  it('once, asks as many as have their turn soon, and says how many it put back', async () => {
    for (let i = 0; i < 200; i++) await abandon(`charge:${i}`);
    await world.clock.advance(600);
    const reconciler = new Reconciler({
      ...{ store: world.receipts, clock: world.clock, sources: [of('charge', { perSecond: 20 })] },
    });
    const counts = await world.clock.until(reconciler.pass());
    expect(counts.committed).toBe(momentsOf('charge').length);
    expect(counts).toMatchObject({ looked: 200, committed: 101, postponed: 99 });
  });

  // Mutation: a row that is put back and looked at ever more rarely for it.
  it('looks at what was put back as soon again as at what was not', async () => {
    for (let i = 0; i < 12; i++) await abandon(`slow:${i}`);
    await world.clock.advance(600);
    let hasAsked = false;
    const slow: EvidenceSource = {
      ...{ name: 'slow', budget: { perSecond: 0.05 } },
      ask: async ({ requestId }) => {
        hasAsked ||= requestId === 'slow:11';
        return { verdict: requestId === 'slow:11' ? 'undetermined' : 'not-committed' };
      },
    };
    const { receipts } = world;
    const key = (await world.row('slow:11'))?.key;
    const pauses: number[] = [];
    let takes = 0;
    const store = Object.assign(Object.create(receipts) as typeof receipts, {
      takeDue: async (request: { limit: number; holdMs: number }) => {
        const due = await receipts.takeDue(request);
        takes += due.filter(({ receipt }) => receipt.key === key).length;
        return due;
      },
      // All of them come again sooner than they are told to, and are put back once more.
      lookAgain: async (again: readonly { key: string; inMs: number }[]) => {
        if (hasAsked) pauses.push(...again.filter((row) => row.key === key).map(({ inMs }) => inMs));
        return receipts.lookAgain(again.map((row) => ({ ...row, inMs: Math.min(row.inMs, 2000) })));
      },
    });
    const reconciler = new Reconciler({ store, clock: world.clock, sources: [slow] });
    for (let i = 0; i < 500 && pauses.length === 0; i++) {
      await world.clock.until(reconciler.pass());
      await world.clock.advance(1000);
    }
    expect(takes).toBeGreaterThan(10);
    expect(pauses).toEqual([5000]);
  });

  // Mutation: a limit for each source, or for each reconciler, of what is one provider's.
  it('shares it with whom is given the same, in any reconciler of the process', async () => {
    for (let i = 0; i < 120; i++) await abandon(`${i % 2 ? 'charge' : 'refund'}:${i}`);
    await world.clock.advance(600);
    const budget = { atOnce: 4, perSecond: 20 };
    const sources = [of('charge', budget), of('refund', budget)];
    const passes = [1, 2].map(() =>
      new Reconciler({ store: world.receipts, clock: world.clock, sources }).pass(),
    );
    await world.clock.until(Promise.all(passes));
    expect(mostInASecond(asked.map(({ at }) => at))).toBe(20);
    expect([momentsOf('charge').length > 40, momentsOf('refund').length > 40]).toEqual([true, true]);
  });

  it('ends at once when it is told to, and leaves what waits to others', async () => {
    for (let i = 0; i < 50; i++) await abandon(`charge:${i}`);
    await world.clock.advance(600);
    const stop = new AbortController();
    const reconciler = new Reconciler({
      ...{ store: world.receipts, clock: world.clock, sources: [of('charge', { perSecond: 20 })] },
    });
    const watched = reconciler.watch(stop.signal);
    await world.clock.advance(500);
    const from = world.clock.monotonic();
    stop.abort();
    await world.clock.until(watched);
    expect(world.clock.monotonic() - from).toBeLessThan(60);
    const left = await world.receipts.takeDue({ limit: 100, holdMs: 1 });
    expect(left.length + momentsOf('charge').length).toBe(50);
  });
});
