/** The words and times that all processes of the proof share. */

/** The points of a call at which its process is stopped, and killed. */
export type Point = 'before-claim' | 'after-claim' | 'request-sent' | 'effect-done' | 'settled' | 'reported';

/** An effect, as the provider returns it. */
export interface Charge {
  readonly id: string;
}

/** What is to become of the first call for an intent. */
export interface Plan {
  readonly stopAt?: Point;
  /** After the effect: `'error'` answers 500, `'silent'` never answers. */
  readonly fault?: 'error' | 'silent';
  /** A second request with the same key has no effect. */
  readonly honoursKeys?: boolean;
}

/** What the provider knows of an intent. */
export interface Status {
  /** The ids of all effects. */
  readonly effects: readonly string[];
  readonly requests: number;
  readonly faults: number;
  readonly stoppedAt?: Point;
  readonly isHeld: boolean;
  /** Since when a call was held, by the clock of this machine. */
  readonly heldSince?: number;
}

/** Times that a machine which is busy otherwise needs are longer: `PROOF_PACE=2` doubles them. */
export const pace = Number(process.env['PROOF_PACE'] ?? 1);

export const times = {
  /** Of the guard's claims, renewed while the effect runs; peers with a lease have the same. */
  leaseMs: 3000 * pace,
  /** More than a request takes to arrive after its sender is dead. */
  graceMs: 4000 * pace,
  /** How long a request may be under way when its sender is dead. */
  mostWireMs: 300,
  /** The machine may be busy: what comes later than this after a kill is dropped, long before the grace time is over. */
  lateMs: 1500 * pace,
  /** How long Temporal lets an attempt run. */
  startToCloseMs: 4000 * pace,
  /** A call that has no answer and no visible unknown after this time is stuck. */
  boundMs: 60_000 * pace,
  /** The same for peers, who are called again all the time. */
  peerBoundMs: 20_000 * pace,
  /** The provider's client gives up: rarely, and in the cell of the time-out. */
  requestMs: 20_000 * pace,
  shortRequestMs: 700 * pace,
} as const;
