/** Watching guarded calls from outside: for traces, metrics and logs. Where nobody watches, it costs nothing. */
import type { GuardEvent } from './guard-event';
import type { ReconcileCounts } from './reconciler';
import type { ReceiptStore } from './store';

/** The steps of a call: until there is an answer to its claim, the effect, and writing what became of it. */
export type CallStep = 'claim' | 'effect' | 'settle';

/** Whose step it is. */
export interface ObservedCall {
  readonly requestId: string;
  readonly action: string;
  readonly attempt: number;
}

/** How a step ended. What a settlement came to is told by the events in it. */
export interface StepEnd {
  /** `'claimed'` or `'replayed'` of a claim, `'returned'` or `'handed-over'` of an effect; absent where it threw. */
  readonly answer?: 'claimed' | 'replayed' | 'returned' | 'handed-over' | undefined;
  /** The code or the name of what was thrown; never its message. */
  readonly error?: string | undefined;
  readonly epoch?: number | undefined;
  /** The call had to wait, for another holder or until a probe counts. */
  readonly waited?: boolean | undefined;
}

/** One step while it goes on. */
export interface StepWatch {
  /** Runs the work of the step, so that what is observed in it belongs to it. */
  run<T>(work: () => T): T;
  /** Something happened in this step. */
  note(event: GuardEvent): void;
  /** It is over. Called once. */
  end(how: StepEnd): void;
}

/**
 * Watches a guard or a worker: `telemetry()` of `activity-guard/otel`, or one of your own. One may watch several. It is
 * called in the course of a call, so it must not throw or block.
 */
export interface Telemetry {
  /**
   * A step of a call begins.
   * @param before the step of the same call before it
   */
  begin(step: CallStep, call: ObservedCall, before?: StepWatch): StepWatch;
  /** Something happened, in a call or outside of all. */
  event(event: GuardEvent): void;
  /** The reconciler has looked at all that was due. */
  reconciled(counts: ReconcileCounts): void;
  /** Receipts that are used from now on. */
  watch(receipts: ReceiptStore): void;
  /** Runs an activity as a part of the trace that came with it, unless it is a part of one already. */
  continued<T>(carrier: Readonly<Record<string, string>>, work: () => T): T;
  /** The trace of what runs now, to hand on. */
  carrier(): Record<string, string>;
}
