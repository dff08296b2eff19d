import type { Moment } from '../moments';

export interface KillPoint extends Omit<Moment, 'client'> {
  /** The worker that made the call, or the whole deployment at once. */
  victims: 'caller' | 'all';
}

/** Fixed, so that both runs lose their workers at the same moments. Each comes once per run. */
export const KILL_POINTS: readonly KillPoint[] = [
  { stage: 'committed', kind: 'charge', order: 'ORD-24072', victims: 'caller' },
  { stage: 'finished', kind: 'mail', order: 'ORD-24073', victims: 'caller' },
  { stage: 'committed', kind: 'payout', order: 'ORD-24074', victims: 'caller' },
  { stage: 'committed', kind: 'ticket', order: 'ORD-24080', victims: 'caller' },
  { stage: 'committed', kind: 'charge', order: 'ORD-24083', victims: 'all' },
  { stage: 'finished', kind: 'charge', order: 'ORD-24085', victims: 'caller' },
  { stage: 'received', kind: 'charge', order: 'ORD-24090', victims: 'caller' },
  { stage: 'committed', kind: 'mail', order: 'ORD-24092', victims: 'caller' },
];

/** Hands out each kill point once. */
export class KillPlan {
  private readonly open: Set<KillPoint>;

  constructor(private readonly points: readonly KillPoint[] = KILL_POINTS) {
    this.open = new Set(points);
  }

  take(moment: Moment): KillPoint | undefined {
    for (const point of this.open) {
      const { stage, kind, order } = point;
      if (stage !== moment.stage || kind !== moment.kind || order !== moment.order) continue;
      this.open.delete(point);
      return point;
    }
    return undefined;
  }

  get taken(): number {
    return this.points.length - this.open.size;
  }

  /** What never came: with these, the two runs can't be compared. */
  get left(): readonly KillPoint[] {
    return [...this.open];
  }
}

const STAGES: Record<Moment['stage'], string> = {
  received: 'lost on its way to the provider',
  committed: 'committed by the provider, not yet answered',
  finished: 'done and answered, not yet reported to Temporal',
};

export function describeMoment({ kind, order, stage }: Omit<Moment, 'client'>): string {
  return `${kind} of ${order} ${STAGES[stage]}`;
}
