/** What the steps of one guarded call share. */
import { receiptKey } from '../ids';
import type { EngineEnvironment, GuardedCall } from './call';
import type { Ends } from './ends';
import { nameOf, OutcomeUnknownError } from './errors';
import type { GuardEvent } from './guard-event';
import type { LeaseKeeper } from './leases';
import { policyName } from './policy';
import type { Receipt } from './receipt';
import type { ClaimRequest } from './store';
import { showCommand } from './show-command';
import type { CallStep, StepEnd, StepWatch } from './telemetry';

/** The store has this long to answer: to a call that waits for nobody, and to the last look of one that does. */
const leastAskMs = 2000;

/** What is known of one call while it goes on. */
export class CallState {
  request: ClaimRequest;
  /** Which generation of the intent `request` asks for. */
  generation = 1;
  /** No waiting for another holder or a probe beyond this, by the monotonic clock. */
  readonly waitUntil: number;
  /** The store is asked until then for the claim, and for what is decided on it. */
  readonly askUntil: number;
  /** The claim is perhaps made: no row has come back since it was asked for. */
  claimInDoubt = false;
  /** Of the row as it was last seen. */
  epoch: number | undefined;
  /** Somebody else had to be waited for. */
  waited = false;
  /** The step that goes on, where it is watched. */
  watch: StepWatch | undefined;
  private before: StepWatch | undefined;

  constructor(
    readonly env: EngineEnvironment,
    readonly keeper: LeaseKeeper,
    readonly ends: Ends,
    readonly call: GuardedCall,
  ) {
    const now = env.clock.monotonic();
    this.waitUntil = Math.min(call.deadline, now + call.waitMs);
    this.askUntil = Math.min(call.deadline, now + call.waitMs + leastAskMs);
    const transactional = call.transactional ?? false;
    this.request = {
      key: receiptKey(env.store.namespace, call.requestIdHash),
      requestId: call.requestId,
      action: call.action,
      fingerprint: call.fingerprint,
      leaseMs: call.leaseMs,
      origin: call.origin,
      token: env.newToken(),
      policy: policyName(call.onUnknown),
      transactional,
      graceMs: call.graceMs,
      retainMs: call.retainMs,
      finality: call.finality,
      // A transaction that a failover lost is lost with its receipt: it did not happen.
      mayBeOlderMs: transactional ? undefined : call.mayBeOlderMs,
    };
  }

  emit(type: GuardEvent['type'], more?: Pick<GuardEvent, 'by' | 'verdict'>): void {
    const { onEvent } = this.env;
    if (!onEvent && !this.watch) return;
    const event = { type, requestId: this.request.requestId, action: this.call.action, ...more };
    onEvent?.(event);
    this.watch?.note(event);
  }

  begin(step: CallStep): void {
    const { telemetry } = this.env;
    if (!telemetry) return;
    const { action, attempt } = this.call;
    const about = { requestId: this.request.requestId, action, attempt };
    this.watch = telemetry.begin(step, about, this.before);
    this.before = this.watch;
  }

  /** The step that goes on is over, where it is watched. */
  end(answer: StepEnd['answer']): void {
    this.endWatch(answer, undefined);
  }

  /** It has thrown. */
  endBy(thrown: unknown): void {
    if (this.watch) this.endWatch(undefined, nameOf(thrown));
  }

  private endWatch(answer: StepEnd['answer'], error: string | undefined): void {
    const { watch, epoch, waited } = this;
    this.watch = undefined;
    watch?.end({ answer, error, epoch, waited });
  }
}

/** The end of the attempt by the monotonic clock, or `leastMs` from now where its own time is nearly over. */
export const endOfAttempt = ({ call, env }: CallState, leastMs: number): number =>
  Math.max(call.deadline, env.clock.monotonic() + leastMs);

const longestHoldMs = 60_000;

/** How long a held activity is left alone after an attempt; longer where it is known that nothing can change before `waitMs`. */
export const holdDelayMs = (attempt: number, waitMs = 0): number =>
  Math.min(Math.max(1000 * 2 ** Math.min(attempt - 1, 10), waitMs), longestHoldMs);

/** For who has the failure before him: what shows all that is known, and how it is resolved. */
export const lookAtIt = ({ requestId }: Pick<Receipt, 'requestId'>): string =>
  `Look at it, and resolve it: ${showCommand(requestId)}`;

/** The failure that keeps an activity pending until its outcome is resolved; asked again at growing intervals. */
export function onHold(state: CallState, receipt: Receipt, waitMs = 0): OutcomeUnknownError {
  const retryAfterMs = holdDelayMs(state.call.attempt, Number.isFinite(waitMs) ? waitMs : 0);
  const doubt = receipt.contested ? 'The evidence contradicts itself' : 'It is unknown';
  return new OutcomeUnknownError(
    `${doubt} whether ${receipt.action} happened for request id ${receipt.requestId} (epoch ${receipt.epoch}); nothing is run again. ` +
      lookAtIt(receipt),
    { requestId: receipt.requestId, retryAfterMs },
  );
}
