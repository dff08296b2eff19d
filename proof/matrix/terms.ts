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
}

export const times = {
  /** Of the guard's claims; renewed while the effect runs. Peers with a lease of their own have the same. */
  leaseMs: 1000,
  /** More than a request takes to arrive after its sender is dead. */
  graceMs: 2000,
  /** How long a request may be under way when its sender is dead. */
  mostWireMs: 300,
  /** How long Temporal lets an attempt run. */
  startToCloseMs: 2500,
  /** A call that has no answer and no visible unknown after this time is stuck. */
  boundMs: 45_000,
  /** The provider's client gives up: rarely, and in the cell of the time-out. */
  requestMs: 20_000,
  shortRequestMs: 700,
} as const;
