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
  /** Made when the signal is first asked for: most effects never look at it. */
  abort?: AbortController;
  /** Set once the claim was given up. */
  lost?: LeaseLostError;
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
  /** When the leases are looked at next, and how to call that off. */
  private timer: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(
    private readonly store: Pick<ReceiptStore, 'renew'>,
    private readonly clock: Clock,
  ) {}

  /** Now, by both clocks; take it *before* asking for a lease, so that the own deadline is the earlier one. */
  now(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  hold(claim: HeldClaim & Pick<Entry, 'requestId' | 'leaseMs' | 'renewUntil' | 'expires'>): Lease {
    const { expires } = claim;
    const entry: Entry = { ...claim, renewAt: 0 };
    // Little may be left of a lease that was won earlier: then it is renewed at once.
    entry.renewAt = expires.monotonic - 3 * quarterOf(entry);
    this.held.set(claim.token, entry);
    this.lookAt(nextMoment(entry));
    return {
      get signal() {
        entry.abort ??= new AbortController();
        if (entry.lost) entry.abort.abort(entry.lost);
        return entry.abort.signal;
      },
      assertHeld: () => {
        if (entry.lost) throw entry.lost;
        if (this.isOver(entry, 0)) throw this.giveUp(entry);
      },
      drop: () => {
        this.held.delete(claim.token);
        if (this.held.size === 0) this.sleep(); // a timer would keep the process from ending
      },
    };
  }

  private sleep(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private lookAt(at: number): void {
    if (this.timer && this.timer.at <= at) return;
    this.sleep();
    this.timer = { at, cancel: this.clock.after(at - this.clock.monotonic(), () => this.look()) };
  }

  private look(): void {
    this.timer = undefined;
    this.giveUpAll();
    this.renewDue();
    let next = Infinity;
    for (const entry of this.held.values()) next = Math.min(next, nextMoment(entry));
    if (next < Infinity) this.lookAt(next);
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
    if (this.held.delete(entry.token)) {
      entry.lost = error;
      entry.abort?.abort(error);
    }
    return error;
  }
}

/** When an entry has to be looked at next. */
const nextMoment = (entry: Entry): number =>
  Math.min(entry.renewAt, entry.expires.monotonic - marginOf(entry));
