/** Running an effect under its claim. */
import type { CallOutcome, HeldEffect } from './call';
import { onHold, type CallState } from './call-state';
import {
  ActivityGuardError,
  InvalidRequestError,
  LeaseLostError,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
} from './errors';
import { after, type Instant, type Lease } from './leases';
import { classifyError } from './policy';
import { noResult, type Receipt } from './receipt';
import { encodePatiently, encodeResult, resultUnavailable, writeSettlement } from './settle';
import { askAgain } from './store-retry';

/** A claim is kept this long beyond the end of its attempt, for an effect that is just ending. */
const marginMs = 1000;

/** Runs the effect of a claim that is ours and writes what became of it. */
export async function runEffect(state: CallState, claim: Receipt, asked: Instant): Promise<CallOutcome> {
  const { call, keeper, request } = state;
  state.emit('claimed');
  const lease = keeper.hold({
    key: request.key,
    token: request.token,
    requestId: claim.requestId,
    leaseMs: call.leaseMs,
    renewUntil: call.deadline + marginMs,
    // The remaining time was read after `asked`, so the own deadline is the earlier one.
    expires: after(asked, claim.leaseRemainingMs),
  });
  const effect = new RunningEffect(claim, lease, call.signal);
  try {
    let value: unknown;
    try {
      value = await call.run(effect);
      effect.ended = true;
    } catch (thrown) {
      effect.ended = true;
      return await settleError(state, claim, effect, thrown);
    }
    return await settleResult(state, claim, effect, value);
  } finally {
    lease.drop();
  }
}

class RunningEffect implements HeldEffect {
  begun = false;
  /** Whoever still runs behind an effect that has ended must not start or go on: its claim may be given back. */
  ended = false;
  readonly requestId: string;
  readonly token: string;
  readonly epoch: number;
  readonly signal: AbortSignal;

  constructor(
    claim: Receipt,
    private readonly lease: Lease,
    cancelled: AbortSignal | undefined,
  ) {
    ({ requestId: this.requestId, token: this.token, epoch: this.epoch } = claim);
    this.signal = cancelled ? AbortSignal.any([lease.signal, cancelled]) : lease.signal;
  }

  fence(): void {
    if (this.ended) {
      throw new LeaseLostError(
        `The guarded call of request id ${this.requestId} has ended, so its effect must not start or go on.`,
        { requestId: this.requestId },
      );
    }
    this.lease.assertHeld();
  }

  begin(): void {
    if (this.begun) {
      throw new InvalidRequestError(
        `The effect of request id ${this.requestId} was started twice under one claim; the second start was refused. An interceptor that retries inside the guard does this: leave retries to the caller.`,
        { requestId: this.requestId },
      );
    }
    this.fence();
    this.begun = true;
  }
}

async function settleResult(
  state: CallState,
  claim: Receipt,
  effect: RunningEffect,
  value: unknown,
): Promise<CallOutcome> {
  if (!effect.begun) {
    // An inner interceptor answered in the effect's place: nothing happened that a receipt could speak of.
    await release(state, claim);
    return { kind: 'result', value, replayed: false, requestId: claim.requestId };
  }
  const { outcome, problem } = await encodeResult(state, value);
  // Whatever came of the write, the effect happened and this is its result; Temporal's history keeps it.
  await writeSettlement(state, claim, 'committed', outcome);
  if (problem !== undefined) throw resultUnavailable(claim.requestId, problem);
  return { kind: 'result', value, replayed: false, requestId: claim.requestId };
}

async function settleError(
  state: CallState,
  claim: Receipt,
  effect: RunningEffect,
  thrown: unknown,
): Promise<CallOutcome> {
  const meaning = effect.begun ? classifyError(thrown, state.call.classify) : 'not-committed';
  switch (meaning) {
    case 'not-committed': {
      await release(state, claim);
      // Over an unknown attempt, that this one did nothing says nothing of the first.
      if (claim.doubt) throw unknownAfter(state, claim, thrown);
      if (!effect.begun || thrown instanceof ActivityGuardError) throw thrown;
      throw new NotCommittedError(messageOf(thrown), { requestId: claim.requestId, cause: thrown });
    }
    case 'rejected':
      return settleRejection(state, claim, thrown);
    case 'unknown':
      throw await leaveUnknown(state, claim, thrown);
    default:
      return meaning satisfies never;
  }
}

async function settleRejection(state: CallState, claim: Receipt, thrown: unknown): Promise<CallOutcome> {
  const { requestId } = claim;
  const { problem, ...outcome } = await encodePatiently(state, () =>
    state.call.codec.encodeFailure(thrown),
  ).catch((error: unknown) => ({ ...noResult, problem: error ?? 'no reason given' }));
  // A "no" that cannot be kept is no outcome.
  if (problem !== undefined) throw await leaveUnknown(state, claim, thrown);
  const answer = await writeSettlement(state, claim, 'rejected', outcome);
  switch (answer) {
    case 'written':
      return { kind: 'rejected', error: thrown, replayed: false, requestId };
    case 'lost':
      throw new ReceiptStoreUnavailableError(
        `The rejection of request id ${requestId} could not be written down. Retry: the outcome is looked up.`,
        { requestId, cause: thrown },
      );
    case 'late':
    case 'unknown':
      throw unknownAfter(state, claim, thrown);
    default:
      return answer satisfies never;
  }
}

async function leaveUnknown(state: CallState, claim: Receipt, thrown: unknown): Promise<OutcomeUnknownError> {
  state.emit('unknown', { by: thrown instanceof Error ? thrown.name : typeof thrown });
  // If it cannot be marked, the lease runs out: the same, only later.
  await askAgain(state, () => state.env.store.markUnknown(state.request), whileItMatters(state)).catch(
    () => false,
  );
  return unknownAfter(state, claim, thrown);
}

/** After a lease's length the row is unknown by itself; an attempt is not kept any longer for saying so. */
const whileItMatters = ({ call, env }: CallState): number =>
  Math.min(call.deadline, env.clock.monotonic() + call.leaseMs);

async function release(state: CallState, claim: Receipt): Promise<void> {
  // If it cannot be written the lease runs out and the row becomes unknown: safe, only slower.
  const released = await giveBack(state, whileItMatters(state));
  if (released && !claim.doubt) state.emit('released', { verdict: 'not-committed' });
}

/** Gives a claim back whose effect never started or surely did not happen. */
export const giveBack = (state: CallState, until: number): Promise<boolean> =>
  askAgain(state, () => state.env.store.release(state.request), until).catch(() => false);

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : 'The effect reported that nothing happened.';

/** Under `'retry'` and with a probe the caller comes back by its own back-off: the next attempt can find out at once. */
function unknownAfter(state: CallState, claim: Receipt, cause: unknown): OutcomeUnknownError {
  const { onUnknown } = state.call;
  const held = onHold(state, claim);
  const findsOut = onUnknown === 'retry' || typeof onUnknown === 'function';
  return new OutcomeUnknownError(held.message, {
    requestId: claim.requestId,
    cause,
    retryable: onUnknown !== 'fail',
    ...(findsOut ? {} : { retryAfterMs: held.retryAfterMs }),
  });
}
