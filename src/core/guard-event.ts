/** What is told of guarded calls as it happens. */
import type { Verdict } from './receipt';

/** Something that happened to a request id; for logs, metrics and tests. Never holds payloads. */
export interface GuardEvent {
  readonly type:
    | 'claimed'
    | 'replayed'
    | 'in-flight'
    | 'unknown'
    | 'resolved'
    | 'settled'
    | 'delegated'
    | 'released'
    | 'late'
    /** What became of the effect could not be written: the row becomes unknown with its lease. */
    | 'unwritten'
    /** The claim of a running effect could not be kept. */
    | 'lease-lost'
    | 'store-error';
  /** Empty where it is about no single one. */
  readonly requestId: string;
  readonly action: string;
  /** The source, for `'resolved'`; the error's code or name, for `'store-error'` and `'unknown'`. */
  readonly by?: string | undefined;
  /** What was settled or found out. */
  readonly verdict?: Verdict | undefined;
}
