/** The leases that this process holds: renewed in one statement, given up before they run out. */
import type { Clock } from './clock';
import { LeaseLostError, nameOf } from './errors';
import type { GuardEvent } from './guard-event';
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

/** What a lease is held for. */
export interface LeaseTerms extends HeldClaim {
  readonly requestId: string;
  readonly action: string;
  readonly leaseMs: number;
  /** Renewed until then at most, by the monotonic clock. */
  readonly renewUntil: number;
  readonly expires: Instant;
}

/** One object for the keeper and the holder: there may be many thousands. */
class HeldLease implements Lease {
  readonly key: string;
  readonly token: string;
  readonly requestId: string;
  readonly action: string;
  readonly leaseMs: number;
  readonly renewUntil: number;
  expires: Instant;
  /** When to renew next, by the monotonic clock. */
  renewAt: number;
  /** Set once the claim was given up. */
  lost: LeaseLostError | undefined;
  /** Made when the signal is first asked for: most effects never look at it. */
  #abort: AbortController | undefined;
  readonly #keeper: LeaseKeeper;

  constructor(terms: LeaseTerms, keeper: LeaseKeeper) {
    this.key = terms.key;
    this.token = terms.token;
    this.requestId = terms.requestId;
    this.action = terms.action;
    this.leaseMs = terms.leaseMs;
    this.renewUntil = terms.renewUntil;
    this.expires = terms.expires;
    // Little may be left of a lease that was won earlier: then it is renewed at once.
    this.renewAt = terms.expires.monotonic - 3 * this.quarter;
    this.lost = undefined;
    this.#keeper = keeper;
  }

  /** A lease is renewed when a quarter of it is over, and asked for again every quarter. */
  get quarter(): number {
    return this.leaseMs / 4;
  }

  /** A holder stops this long before its lease runs out. */
  get margin(): number {
    return Math.min(1000, this.quarter);
  }

  /** When it has to be looked at next. */
  get nextMoment(): number {
    return Math.min(this.renewAt, this.expires.monotonic - this.margin);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.lost) this.#abort.abort(this.lost);
    return this.#abort.signal;
  }

  assertHeld(): void {
    this.#keeper.assertHeld(this);
  }

  drop(): void {
    this.#keeper.drop(this);
  }

  lose(error: LeaseLostError): void {
    this.lost = error;
    this.#abort?.abort(error);
  }
}

/** The moment `ms` after `from`. */
export const after = (from: Instant, ms: number): Instant => ({
  monotonic: from.monotonic + ms,
  wall: from.wall + ms,
});

export class LeaseKeeper {
  private readonly held = new Map<string, HeldLease>();
  /** When the leases are looked at next, and how to call that off. */
  private timer: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(
    private readonly store: Pick<ReceiptStore, 'renew'>,
    private readonly clock: Clock,
    private readonly onEvent?: (event: GuardEvent) => void,
  ) {}

  /** Now, by both clocks; take it *before* asking for a lease, so that the own deadline is the earlier one. */
  now(): Instant {
    return { monotonic: this.clock.monotonic(), wall: this.clock.wall() };
  }

  hold(terms: LeaseTerms): Lease {
    const lease = new HeldLease(terms, this);
    this.held.set(lease.token, lease);
    this.lookAt(lease.nextMoment);
    return lease;
  }

  /** @internal */
  assertHeld(lease: HeldLease): void {
    if (lease.lost) throw lease.lost;
    if (this.isOver(lease, 0)) throw this.giveUp(lease);
  }

  /** @internal */
  drop({ token }: HeldLease): void {
    this.held.delete(token);
    if (this.held.size === 0) this.sleep(); // a timer would keep the process from ending
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
    for (const lease of this.held.values()) next = Math.min(next, lease.nextMoment);
    if (next < Infinity) this.lookAt(next);
  }

  private giveUpAll(): void {
    for (const lease of this.held.values()) if (this.isOver(lease, lease.margin)) this.giveUp(lease);
  }

  /** All leases of one length go in one statement, and nearly always there is only one length. */
  private renewDue(): void {
    const { monotonic } = this.now();
    const lengths = [...this.held.values()].filter((e) => e.renewAt <= monotonic).map((e) => e.leaseMs);
    for (const leaseMs of new Set(lengths)) {
      const due = [...this.held.values()].filter((e) => e.leaseMs === leaseMs);
      for (const lease of due) lease.renewAt = monotonic + lease.quarter;
      const renewable = due.filter((e) => monotonic < e.renewUntil);
      // Not awaited: a store that hangs must not keep the deadlines from being looked at.
      if (renewable.length > 0) void this.renew(renewable, leaseMs);
    }
  }

  private async renew(leases: readonly HeldLease[], leaseMs: number): Promise<void> {
    const asked = this.now();
    try {
      const renewed = await this.store.renew(leases, leaseMs);
      for (const lease of leases) {
        if (!renewed.has(lease.token)) this.giveUp(lease);
        else if (asked.monotonic + leaseMs > lease.expires.monotonic) lease.expires = after(asked, leaseMs);
      }
    } catch (error) {
      this.onEvent?.({ type: 'store-error', requestId: '', action: '', by: nameOf(error) });
      // Asked again a quarter later; if that does not help in time, the deadline ends the claim.
    }
  }

  private isOver(lease: HeldLease, marginMs: number): boolean {
    const { monotonic, wall } = this.now();
    return monotonic + marginMs >= lease.expires.monotonic || wall + marginMs >= lease.expires.wall;
  }

  private giveUp(lease: HeldLease): LeaseLostError {
    const error = new LeaseLostError(
      `The claim on request id ${lease.requestId} could not be kept until now, so the effect must not start or go on. Retry: the claim is looked at again.`,
      { requestId: lease.requestId },
    );
    if (!this.held.delete(lease.token)) return error;
    lease.lose(error);
    this.onEvent?.({ type: 'lease-lost', requestId: lease.requestId, action: lease.action });
    return error;
  }
}
