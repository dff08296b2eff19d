/** The leases that this process holds: renewed in one statement, given up before they run out. */
import type { Clock } from './clock';
import { LeaseLostError } from './errors';
import type { HeldClaim, ReceiptStore } from './store';

/** A claim while its effect runs. */
export interface Lease {
  /** Aborted when the holder must stop: the lease may run out before it can be renewed. */
  readonly signal: AbortSignal;
  /** Throws {@link LeaseLostError} unless the claim is certainly still held at this moment. */
  assertHeld(): void;
  /** Stops renewing. */
  drop(): void;
}

/** A moment by both clocks: a suspended machine stops one of them, a clock step moves the other. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

interface Entry extends HeldClaim {
  readonly requestId: string;
  readonly leaseMs: number;
  readonly abort: AbortController;
  /** Renewed until then at most, by the monotonic clock. */
  readonly renewUntil: number;
  expires: Instant;
  /** When to renew next, by the monotonic clock. */
  renewAt: number;
}

/** A lease is renewed when a quarter of it is over, and asked for again every quarter. */
const quarterOf = ({ leaseMs }: Entry): number => leaseMs / 4;

/** A holder stops this long before its lease runs out. */
const marginOf = (entry: Entry): number => Math.min(1000, quarterOf(entry));

/** The moment `ms` after `from`. */
export const after = (from: Instant, ms: number): Instant => ({
  monotonic: from.monotonic + ms,
  wall: from.wall + ms,
});

export class LeaseKeeper {
  private readonly held = new Map<string, Entry>();
  /** Set while the loop sleeps: until when, and how to wake it. */
  private asleep: { readonly until: number; readonly wake: () => void } | undefined;
  private running = false;

  constructor(
    private readonly store: Pick<ReceiptStore, 'renew'>,
    private readonly clock: Clock,
  ) {}

  /** Now, by both clocks; take it *before* asking for a lease, so that the own deadline is the earlier one. */
  now(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  hold(claim: HeldClaim & Pick<Entry, 'requestId' | 'leaseMs' | 'renewUntil' | 'expires'>): Lease {
    const entry: Entry = { ...claim, abort: new AbortController(), renewAt: 0 };
    // Little may be left of a lease that was won earlier: then it is renewed at once.
    entry.renewAt = entry.expires.monotonic - 3 * quarterOf(entry);
    this.held.set(claim.token, entry);
    if (!this.running) void this.run();
    else if (this.asleep && nextMoment(entry) < this.asleep.until) this.asleep.wake();
    return {
      signal: entry.abort.signal,
      assertHeld: () => {
        if (entry.abort.signal.aborted) throw entry.abort.signal.reason;
        if (this.isOver(entry, 0)) throw this.giveUp(entry);
      },
      drop: () => {
        this.held.delete(claim.token);
        if (this.held.size === 0) this.asleep?.wake(); // a timer would keep the process from ending
      },
    };
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.held.size > 0) {
      await this.sleepUntil(Math.min(...[...this.held.values()].map(nextMoment)));
      this.giveUpAll();
      this.renewDue();
    }
    this.running = false;
  }

  private async sleepUntil(until: number): Promise<void> {
    const woken = new AbortController();
    this.asleep = { until, wake: () => woken.abort() };
    await this.clock.sleep(Math.max(0, until - this.clock.monotonic()), woken.signal);
    this.asleep = undefined;
  }

  private giveUpAll(): void {
    for (const entry of this.held.values()) if (this.isOver(entry, marginOf(entry))) this.giveUp(entry);
  }

  /** All leases of one length go in one statement, and nearly always there is only one length. */
  private renewDue(): void {
    const { monotonic } = this.now();
    const lengths = [...this.held.values()].filter((e) => e.renewAt <= monotonic).map((e) => e.leaseMs);
    for (const leaseMs of new Set(lengths)) {
      const due = [...this.held.values()].filter((e) => e.leaseMs === leaseMs);
      for (const entry of due) entry.renewAt = monotonic + quarterOf(entry);
      const renewable = due.filter((e) => monotonic < e.renewUntil);
      // Not awaited: a store that hangs must not keep the deadlines from being looked at.
      if (renewable.length > 0) void this.renew(renewable, leaseMs);
    }
  }

  private async renew(entries: readonly Entry[], leaseMs: number): Promise<void> {
    const asked = this.now();
    try {
      const renewed = await this.store.renew(entries, leaseMs);
      for (const entry of entries) {
        if (!renewed.has(entry.token)) this.giveUp(entry);
        else if (asked.monotonic + leaseMs > entry.expires.monotonic) entry.expires = after(asked, leaseMs);
      }
    } catch {
      // Asked again a quarter later; if that does not help in time, the deadline ends the claim.
    }
  }

  private isOver(entry: Entry, marginMs: number): boolean {
    const { monotonic, wall } = this.now();
    return monotonic + marginMs >= entry.expires.monotonic || wall + marginMs >= entry.expires.wall;
  }

  private giveUp(entry: Entry): LeaseLostError {
    const error = new LeaseLostError(
      `The claim on request id ${entry.requestId} could not be kept until now, so the effect must not start or go on. Retry: the claim is looked at again.`,
      { requestId: entry.requestId },
    );
    if (this.held.delete(entry.token)) entry.abort.abort(error);
    return error;
  }
}

/** When an entry has to be looked at next. */
const nextMoment = (entry: Entry): number =>
  Math.min(entry.renewAt, entry.expires.monotonic - marginOf(entry));
