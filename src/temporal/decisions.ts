/**
 * What a workflow that waits for a decision on an unknown outcome, who decides, and the worker that writes it down tell
 * each other. Imports nothing: the workflow sandbox reads it too.
 */

/** The activity that writes a decision into the receipts; every worker with the plugin has it. */
export const resolveActivity = 'activityGuard.resolveOutcome';

/** The activity that ends when an outcome is final; every worker with the plugin has it. */
export const finalityActivity = 'activityGuard.awaitFinality';

/** The guard's own activities: they are not guarded. */
export const isOwnActivity = (activityType: string): boolean =>
  activityType === resolveActivity || activityType === finalityActivity;

/** What can be decided of an unknown outcome. */
export const verdicts = ['committed', 'not-committed', 'compensated'] as const;

/** One of them. */
export type DecidedVerdict = (typeof verdicts)[number];

/** A search attribute of the namespace that shows what waits, as the worker found it there. */
export interface UnresolvedAttribute {
  readonly name: string;
  readonly type: 'KEYWORD' | 'KEYWORD_LIST';
}

/** In the details of the failure by which a worker makes the workflow wait. */
export interface AskDetail {
  /** The epoch of the claim in doubt. */
  readonly epoch: number;
  readonly attribute?: UnresolvedAttribute | undefined;
}

/** A decision, as the worker is told to write it down. */
export interface ResolveRequest {
  readonly requestId: string;
  readonly epoch: number;
  readonly verdict: DecidedVerdict;
  /** Whether `result` was given; without it only that the effect happened is known. */
  readonly hasResult: boolean;
  readonly result?: unknown;
  readonly by?: string | undefined;
  readonly reason?: string | undefined;
}

/** What became of it. */
export interface ResolveAnswer {
  /** The receipt's state now. */
  readonly state: string;
  /** Why the decision did not count, where it did not. */
  readonly refused?: string | undefined;
}
