import { LeaseLostError, type HeldClaim } from '../../src/core';
import { LeaseKeeper } from '../../src/core/leases';
import { FakeClock } from '../support/fake-clock';

/** A store whose renewals a test answers: those of leases that stand, unless told otherwise. */
class Renewals {
  readonly batches: { at: number; tokens: string[]; leaseMs: number }[] = [];
  readonly ends = new Map<string, number>();
  answer = async (claims: readonly HeldClaim[], leaseMs: number): Promise<ReadonlySet<string>> => {
    const now = this.clock.monotonic();
    const standing = claims.map((c) => c.token).filter((token) => (this.ends.get(token) ?? 0) > now);
    for (const token of standing) this.ends.set(token, now + leaseMs);
    return new Set(standing);
  };

  constructor(private readonly clock: FakeClock) {}

  renew = (claims: readonly HeldClaim[], leaseMs: number): Promise<ReadonlySet<string>> => {
    this.batches.push({ at: this.clock.monotonic(), tokens: claims.map((c) => c.token), leaseMs });
    return this.answer(claims, leaseMs);
  };
}

function setUp() {
  const clock = new FakeClock();
  const store = new Renewals(clock);
  const keeper = new LeaseKeeper(store, clock);
  const hold = (token: string, more: { leaseMs?: number; remainingMs?: number; forMs?: number } = {}) => {
    const { leaseMs = 1000, remainingMs = leaseMs, forMs = 1_000_000 } = more;
    const { monotonic, wall } = keeper.now();
    store.ends.set(token, monotonic + remainingMs);
    const expires = { monotonic: monotonic + remainingMs, wall: wall + remainingMs };
    const lease = keeper.hold({
      key: token,
      token,
      requestId: `id ${token}`,
      action: 'charge',
      leaseMs,
      renewUntil: monotonic + forMs,
      expires,
    });
    const abortedAt: number[] = [];
    lease.signal.addEventListener('abort', () => abortedAt.push(clock.monotonic() - monotonic));
    /** When the holder was told to stop, in ms since it got the lease. */
    return {
      signal: lease.signal,
      drop: () => lease.drop(),
      assertHeld: () => lease.assertHeld(),
      abortedAt,
      isHeld: () => {
        try {
          lease.assertHeld();
          return true;
        } catch {
          return false;
        }
      },
    };
  };
  return { clock, store, keeper, hold };
}

describe('leases that are held', () => {
  it('are renewed all in one statement, well before they run out, for as long as they are held', async () => {
    const { clock, store, hold } = setUp();
    const leases = ['a', 'b', 'c'].map((token) => hold(token));
    await clock.advance(60_000);
    expect(store.batches[0]).toEqual({ at: 1250, tokens: ['a', 'b', 'c'], leaseMs: 1000 });
    expect(store.batches.length).toBeLessThan(60_000 / 200);
    expect(leases.map((lease) => lease.isHeld())).toEqual([true, true, true]);
  });

  it('are renewed no more once they are dropped, and the loop ends with the last one', async () => {
    const { clock, store, hold } = setUp();
    const [a, b] = [hold('a'), hold('b')];
    a.drop();
    await clock.advance(300);
    expect(store.batches.map((batch) => batch.tokens)).toEqual([['b']]);
    b.drop();
    await clock.advance(2000);
    expect([store.batches.length, clock.sleeping]).toEqual([1, 0]);
    expect(a.signal.aborted || b.signal.aborted).toBe(false);
    expect(hold('c').isHeld()).toBe(true); // and starts again
    await clock.advance(5000);
    expect(store.batches.at(-1)?.tokens).toEqual(['c']);
  });

  // Mutations: a timer that outlives the last lease, or one for each lease.
  it('have one timer, which ends with the last of them', () => {
    const { clock, hold } = setUp();
    const leases = [60_000, 30_000, 1000, 5000].map((leaseMs, i) => hold(`${i}`, { leaseMs }));
    expect(clock.sleeping).toBe(1);
    for (const lease of leases) lease.drop();
    expect(clock.sleeping).toBe(0);
  });

  it('are given up at once when the store says that they no longer stand, and the others go on', async () => {
    const { clock, store, hold } = setUp();
    const [a, b] = [hold('a'), hold('b')];
    store.answer = async () => new Set(['b']);
    await clock.advance(300);
    expect([a.isHeld(), a.signal.reason instanceof LeaseLostError, b.isHeld()]).toEqual([false, true, true]);
  });

  // Mutation: `isOver(entry, 0)` in the loop fails here.
  it.each([
    ['fail', () => Promise.reject(new Error('away'))],
    ['hang', () => new Promise<never>(() => undefined)],
  ])('are given up before they run out when renewals %s', async (_how, answer) => {
    const { clock, store, hold } = setUp();
    const lease = hold('a');
    await clock.advance(2000);
    expect(lease.signal.aborted).toBe(false);
    const [lastAt, now] = [store.batches.at(-1)?.at ?? 0, clock.monotonic()];
    store.answer = answer;
    await clock.advance(3000);
    const runsOutAt = 1000 + lastAt; // asked then, for 1000 ms
    expect(lease.abortedAt).toHaveLength(1);
    expect((lease.abortedAt[0] ?? 0) + 1000).toBeLessThan(runsOutAt);
    expect((lease.abortedAt[0] ?? 0) + 1000).toBeGreaterThan(now); // but not before it had to be
  });

  it('survive a renewal that fails or hangs once', async () => {
    const { clock, store, hold } = setUp();
    const lease = hold('a');
    const all = store.answer;
    store.answer = () => ((store.answer = all), Promise.reject(new Error('away')));
    await clock.advance(5000);
    store.answer = () => ((store.answer = all), new Promise<never>(() => undefined));
    await clock.advance(5000);
    expect(lease.isHeld()).toBe(true);
  });

  it('are renewed in time beside leases of other lengths, whichever came first', async () => {
    const { clock, hold } = setUp();
    const long = hold('long', { leaseMs: 60_000 });
    await clock.advance(1);
    const short = hold('short', { leaseMs: 1000 });
    await clock.advance(30_000);
    expect([long.isHeld(), short.isHeld(), short.abortedAt]).toEqual([true, true, []]);
  });

  it('are given up in time although renewals of other lengths hang', async () => {
    const { clock, store, hold } = setUp();
    const short = hold('short', { leaseMs: 1000 });
    hold('long', { leaseMs: 60_000 });
    store.answer = () => new Promise<never>(() => undefined);
    await clock.advance(30_000);
    expect(short.abortedAt[0]).toBeLessThanOrEqual(1000);
  });

  it('are renewed at once when little of them is left', async () => {
    const { clock, hold } = setUp();
    // A claim found again after its answer was lost: most of its time is gone.
    const lease = hold('a', { leaseMs: 30_000, remainingMs: 2000 });
    await clock.advance(20_000);
    expect([lease.isHeld(), lease.abortedAt]).toEqual([true, []]);
  });

  // Mutation: no `renewUntil` condition fails here.
  it('are kept no longer than the attempt may live, and then end by themselves', async () => {
    const { clock, store, hold } = setUp();
    const lease = hold('a', { forMs: 3000 });
    await clock.advance(10_000);
    expect(Math.max(...store.batches.map((batch) => batch.at))).toBeLessThan(1000 + 3000);
    expect(lease.abortedAt[0]).toBeGreaterThan(2500);
    expect(lease.abortedAt[0]).toBeLessThan(4000);
  });
});

describe('the signal of a lease', () => {
  // Mutation: a signal that is made when it is first asked for, and knows nothing of what was before.
  it('is aborted where it is asked for after the lease was lost, and only there', async () => {
    const { clock, store, keeper } = setUp();
    const [lost, kept] = ['a', 'b'].map((token) => {
      const { monotonic, wall } = keeper.now();
      store.ends.set(token, monotonic + 1000);
      const expires = { monotonic: monotonic + 1000, wall: wall + 1000 };
      return keeper.hold({
        ...{
          key: token,
          token,
          requestId: token,
          action: 'charge',
          leaseMs: 1000,
          renewUntil: Infinity,
          expires,
        },
      });
    });
    store.answer = async () => new Set(['b']);
    await clock.advance(300);
    expect([lost?.signal.reason, kept?.signal.aborted]).toEqual([expect.any(LeaseLostError), false]);
  });
});

describe('the check that a lease is held', () => {
  // Mutation: looking at one clock only fails one of these two.
  it('fails in the moment in which the monotonic clock reaches the end, though no timer has run and the wall clock was set back', () => {
    const { clock, hold } = setUp();
    const lease = hold('a', { remainingMs: 200 });
    clock.stepWall(-3_600_000);
    clock.stepBlocked(199);
    expect(lease.isHeld()).toBe(true);
    clock.stepBlocked(1);
    expect([lease.isHeld(), lease.signal.aborted]).toEqual([false, true]);
  });

  it('fails in the same moment in which the wall clock has jumped over the end: the machine slept', () => {
    const { clock, hold } = setUp();
    const lease = hold('a');
    clock.stepWall(999);
    expect(lease.isHeld()).toBe(true);
    clock.stepWall(1);
    expect(() => lease.assertHeld()).toThrow(LeaseLostError);
    clock.stepWall(-1000);
    expect(lease.isHeld()).toBe(false); // what was given up stays given up
  });

  it('counts a renewal from the moment it was asked for, not from its answer', async () => {
    const { clock, store, hold } = setUp();
    const answer = store.answer;
    store.answer = async (...asked) => {
      store.answer = () => new Promise<never>(() => undefined);
      await clock.sleep(200);
      return answer(...asked);
    };
    const lease = hold('a');
    await clock.advance(1001); // asked after 250 ms for 1000 more: over at 1250, less a margin of 250
    expect([lease.isHeld(), lease.abortedAt]).toEqual([false, [1000]]);
  });

  it('does not count an answer that came after its lease was over', async () => {
    const { clock, store, hold } = setUp();
    let arrive: (tokens: ReadonlySet<string>) => void = () => undefined;
    store.answer = () => new Promise((resolve) => (arrive = resolve));
    const lease = hold('a');
    await clock.advance(1100);
    arrive(new Set(['a']));
    await clock.advance(1);
    expect(lease.isHeld()).toBe(false);
  });
});
