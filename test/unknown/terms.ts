/** The times of the campaign. All outcomes are found out by them, so the figures mean nothing without them. */

export const times = {
  /** Renewed while an effect runs, so that less than this is left when its worker is killed. */
  leaseMs: 700,
  /** Where the receipt cannot be written the lease is not renewed either; it has to outlive the kill. */
  historyLeaseMs: 4000,
  /** More than the two times below together. */
  graceMs: 3000,
  /** An effect can be found only up to so long after it was done. */
  mostLagMs: 2500,
  /** A request may still be under way for so long when its worker is dead. */
  mostWireMs: 300,
} as const;

/** How a worker guards a charge; the names of the activities. */
export type Terms = 'probed' | 'held' | 'listed';

/** An effect, as the provider returns it. */
export interface Charge {
  readonly id: string;
  readonly intent: string;
}

/** Pauses of a test between two looks. */
export const lookEveryMs = 200;
