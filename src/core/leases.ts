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

interface Entry extends HeldClaim {
  readonly requestId: string;
  readonly leaseMs: number;
  readonly abort: AbortController;
  /** Renewed until then at most, by the monotonic clock. */
  readonly renewUntil: number;
  expires: Instant;
}

/** A moment by both clocks: a suspended machine stops one of them, a clock step moves the other. */
export interface Instant {
  readonly monotonic: number;
  readonly wall: number;
}

/** A lease is renewed this often before it runs out. */
const renewalsPerLease = 4;

export class LeaseKeeper {
  private readonly held = new Map<string, Entry>();
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
    const entry: Entry = { ...claim, abort: new AbortController() };
    this.held.set(claim.token, entry);
    if (!this.running) {
      this.running = true;
      void this.renewLoop();
    }
    return {
      signal: entry.abort.signal,
      assertHeld: () => {
        if (entry.abort.signal.aborted) throw entry.abort.signal.reason;
        if (this.isOver(entry, 0)) throw this.giveUp(entry);
      },
      drop: () => this.held.delete(claim.token),
    };
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
    this.held.delete(entry.token);
    entry.abort.abort(error);
    return error;
  }

  private async renewLoop(): Promise<void> {
    while (this.held.size > 0) {
      const tick = Math.max(
        10,
        Math.min(...[...this.held.values()].map((e) => e.leaseMs)) / renewalsPerLease,
      );
      await this.clock.sleep(tick);
      // One statement for all claims with leases of one length: nearly always all there are.
      for (const leaseMs of new Set([...this.held.values()].map((e) => e.leaseMs)))
        await this.renewAll(leaseMs);
      for (const entry of this.held.values()) if (this.isOver(entry, tick)) this.giveUp(entry);
    }
    this.running = false;
  }

  private async renewAll(leaseMs: number): Promise<void> {
    const asked = this.now();
    const due = [...this.held.values()].filter(
      (e) => e.leaseMs === leaseMs && asked.monotonic < e.renewUntil,
    );
    if (due.length === 0) return;
    try {
      // A store that hangs must not keep the deadlines from being looked at.
      const renewing = this.store.renew(due, leaseMs);
      renewing.catch(() => undefined); // it may fail after the race is over
      const renewed = await Promise.race([renewing, this.clock.sleep(leaseMs / renewalsPerLease)]);
      if (!renewed) return;
      for (const entry of due) {
        if (renewed.has(entry.token)) entry.expires = after(asked, leaseMs);
        else if (this.held.has(entry.token)) this.giveUp(entry);
      }
    } catch {
      // Tried again at the next tick; if that does not help in time, the deadline ends the claim.
    }
  }
}

/** The moment `ms` after `from`. */
export const after = (from: Instant, ms: number): Instant => ({
  monotonic: from.monotonic + ms,
  wall: from.wall + ms,
});
