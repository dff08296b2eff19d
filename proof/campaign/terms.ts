/** What the parts of the campaign agree on: times, kinds of intents, and what they tell each other. */

/**
 * A holder that is paused between its last check and its send can act after a probe's "no" (docs/protocol.md). The
 * provider closes that gap here as a network does that delivers nothing late: it refuses a request that was sent more than
 * `wireMs` ago, by a clock that all processes of a machine share. So pauses may be longer than lease and grace together.
 */
export const times = {
  leaseMs: 2000,
  /** More than the two times below together. */
  graceMs: 2000,
  /** A request that was sent longer ago is refused. */
  wireMs: 1200,
  /** An effect can be found only so long after it was done. */
  lagMs: 300,
  /** What an effect does before it sends takes up to so long. */
  mostWorkMs: 1000,
  /** How long a caller waits for the provider. */
  answerMs: 1500,
  /** One attempt, in a workflow and outside. */
  attemptMs: 4000,
  /** After the last fault everything has to come to rest within this time. */
  restMs: 120_000,
} as const;

/** Where an intent comes from, and on what terms it is guarded. */
export const kinds = {
  probe: 'workflow',
  hold: 'workflow',
  retry: 'workflow',
  transaction: 'workflow',
  steps: 'workflow',
  'plain-probe': 'plain',
  'plain-hold': 'plain',
  'plain-retry': 'plain',
} as const;
export type Kind = keyof typeof kinds;
export type WorkflowKind = { [K in Kind]: (typeof kinds)[K] extends 'workflow' ? K : never }[Kind];
export type PlainKind = Exclude<Kind, WorkflowKind>;

export const kindsOf = <K extends Kind>(of: (typeof kinds)[Kind]): readonly K[] =>
  (Object.keys(kinds) as K[]).filter((kind) => kinds[kind] === of);

/** An intent whose name ends so is refused by the provider, finally. */
export const declinedSuffix = '!no';
export const isDeclined = (intent: string): boolean => intent.endsWith(declinedSuffix);

/** The steps of an activity of that kind. */
export const stepsOf = (intent: string): readonly string[] => [`${intent}/1`, `${intent}/2`];

/** The effects that an intent has. */
export const effectsOf = (kind: Kind, intent: string): readonly string[] =>
  kind === 'steps' ? stepsOf(intent) : [intent];

/** An effect, as the provider returns it. */
export interface Charge {
  readonly id: string;
  readonly intent: string;
}

/** What an effect sends. */
export interface ChargeRequest {
  readonly intent: string;
  readonly requestId: string;
  readonly epoch: number;
  readonly token: string;
  readonly sentAt: number;
  /** The provider deduplicates by request id. */
  readonly isKeyed: boolean;
}

/** A line of the provider's ledger. `again` is a keyed request that was answered with the effect it had. */
export interface LedgerLine extends Charge {
  readonly type: 'effect' | 'again';
  readonly requestId: string;
  readonly epoch: number;
  readonly token: string;
  readonly at: number;
}

/** How a call ended for its caller: with a result, or declined. */
export type Answer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly type: string };

/** The clock that all processes of this machine share, in milliseconds. */
export const sharedClock = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
