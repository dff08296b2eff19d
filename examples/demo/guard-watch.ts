import type { GuardEvent } from 'activity-guard/worker';

export interface GuardEventMessage {
  type: 'guard-event';
  event: GuardEvent;
}

export interface GuardCounts {
  /** Attempts that were answered from a receipt which an earlier attempt had written. */
  replayed: number;
  /** Request ids of which nobody knew whether the effect had happened. */
  unknown: number;
  /** How those were resolved, and how many of them: `probe (committed)`, and so on. */
  resolved: Record<string, number>;
}

/** Counts what the workers' guards report, outside of the workers: those get killed. */
export class GuardWatch {
  private replayed = 0;
  private readonly unknown = new Set<string>();
  private readonly resolutions = new Map<string, string>();
  private readonly justResolved = new Set<string>();

  add({ type, requestId, by, verdict }: GuardEvent): void {
    if (type === 'unknown') this.unknown.add(requestId);
    if (type === 'resolved') {
      this.unknown.add(requestId);
      this.resolutions.set(requestId, `${by ?? 'somebody'} (${verdict ?? 'no verdict'})`);
      if (verdict === 'committed') this.justResolved.add(requestId);
    }
    // An attempt that Temporal had given up on, and that was only slow.
    if (type === 'settled' && this.unknown.has(requestId) && !this.resolutions.has(requestId)) {
      this.resolutions.set(requestId, 'its own late attempt');
    }
    // The attempt that resolves an outcome then reads it: that is one answer, not two.
    if (type === 'replayed' && !this.justResolved.delete(requestId)) this.replayed += 1;
  }

  /** The database has the last word on what is unresolved; a worker can die before it tells how. */
  counts(unresolvedIds: ReadonlySet<string>): GuardCounts {
    const resolved: Record<string, number> = {};
    for (const id of this.unknown) {
      if (unresolvedIds.has(id)) continue;
      const how = this.resolutions.get(id) ?? 'a worker that did not live to tell';
      resolved[how] = (resolved[how] ?? 0) + 1;
    }
    return { replayed: this.replayed, unknown: this.unknown.size, resolved };
  }
}
