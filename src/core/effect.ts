/** Running an effect under its claim. */
import type { CallOutcome, HeldEffect } from './call';
import { onHold, type CallState } from './call-state';
import {
  ActivityGuardError,
  InvalidRequestError,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
} from './errors';
import { after, type Instant, type Lease } from './leases';
import { classifyError } from './policy';
import type { Receipt } from './receipt';
import { encodeResult, resultUnavailable, writeSettlement } from './settle';
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
    const value = await call.run(effect).catch((error: unknown) => {
      throw new EffectFailure(error);
    });
    return await settleResult(state, claim, effect, value);
  } catch (error) {
    if (error instanceof EffectFailure) return await settleError(state, claim, effect, error.thrown);
    throw error;
  } finally {
    lease.drop();
  }
}

/** Tells what the effect threw from what the guard itself throws. */
class EffectFailure extends Error {
  constructor(readonly thrown: unknown) {
    super();
  }
}

class RunningEffect implements HeldEffect {
  begun = false;
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
    await release(state);
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
  const { call } = state;
  const meaning = effect.begun ? classifyError(thrown, call.classify) : 'not-committed';
  switch (meaning) {
    case 'not-committed':
      await release(state);
      if (!effect.begun || thrown instanceof ActivityGuardError) throw thrown;
      throw new NotCommittedError(messageOf(thrown), { requestId: claim.requestId, cause: thrown });
    case 'rejected': {
      const answer = await writeSettlement(state, claim, 'rejected', await call.codec.encodeFailure(thrown));
      if (answer === 'written')
        return { kind: 'rejected', error: thrown, replayed: false, requestId: claim.requestId };
      if (answer === 'lost') {
        throw new ReceiptStoreUnavailableError(
          `The rejection of request id ${claim.requestId} could not be written down. Retry: the outcome is looked up.`,
          {
            requestId: claim.requestId,
            cause: thrown,
          },
        );
      }
      throw unknownAfter(state, claim, thrown);
    }
    case 'unknown':
      state.emit('unknown', { by: thrown instanceof Error ? thrown.name : typeof thrown });
      await askAgain(state, () => state.env.store.markUnknown(state.request), call.deadline).catch(
        () => false,
      ); // else the lease runs out
      throw unknownAfter(state, claim, thrown);
    default:
      return meaning satisfies never;
  }
}

async function release(state: CallState): Promise<void> {
  // If it cannot be written the lease runs out and the row becomes unknown: safe, only slower.
  const released = await askAgain(
    state,
    () => state.env.store.release(state.request),
    state.call.deadline,
  ).catch(() => false);
  if (released) state.emit('released', { verdict: 'not-committed' });
}

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
