/** Running an effect under its claim. */
import type { CallOutcome, GuardedCall } from './call';
import { onHold, type CallState } from './call-state';
import { effectStorage } from './current';
import {
  ActivityGuardError,
  errorMessage,
  InFlightError,
  InvalidRequestError,
  isError,
  nameOf,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
} from './errors';
import { after, type Instant } from './leases';
import { classifyError, type ErrorClass } from './policy';
import { isFree, type Receipt } from './receipt';
import { replay } from './replay';
import { RunningEffect } from './running-effect';
import { encodePatiently, encodeResult, resultUnavailable, writeSettlement } from './settle';
import { askAgain } from './store-retry';
import { providerKeysLastMs } from './unknown';

/** A claim is kept this long beyond the end of its attempt, for an effect that is just ending. */
const marginMs = 1000;

/** Runs the effect of a claim that is ours and writes what became of it. */
export async function runEffect(state: CallState, claim: Receipt, asked: Instant): Promise<CallOutcome> {
  const { call, keeper, request } = state;
  state.epoch = claim.epoch;
  state.emit('claimed');
  state.end('claimed');
  const isRepeated = claim.doubt && call.onUnknown === 'retry';
  const usableMs = isRepeated ? providerKeysLastMs(state, claim) : Infinity;
  const lease = keeper.hold({
    key: request.key,
    token: request.token,
    requestId: claim.requestId,
    action: call.action,
    leaseMs: call.leaseMs,
    renewUntil: Math.min(call.deadline + marginMs, asked.monotonic + usableMs - call.leaseMs),
    // The remaining time was read after `asked`, so the own deadline is the earlier one.
    expires: after(asked, Math.min(claim.leaseRemainingMs, usableMs)),
  });
  const effect = new RunningEffect(claim, lease, call, () => writeDelegation(state, whileItMatters(state)));
  try {
    let value: unknown;
    try {
      state.begin('effect');
      const { watch } = state;
      value = await (watch ? watch.run(() => perform(call, effect)) : perform(call, effect));
      effect.end();
      state.end('returned');
    } catch (thrown) {
      effect.end();
      if (isHandedOver(state, effect, thrown)) state.end('handed-over');
      else state.endBy(thrown);
      state.begin('settle');
      return await settleError(state, claim, effect, thrown);
    }
    state.begin('settle');
    return await settleResult(state, claim, effect, value);
  } finally {
    lease.drop();
    state.ends.tell(request.key);
  }
}

/** Following every promise of a process costs all of them a third more, once it was begun. */
const perform = (call: GuardedCall, effect: RunningEffect): Promise<unknown> =>
  call.isDetached ? call.run(effect) : effectStorage.run(effect, () => call.run(effect));

/** The effect goes on elsewhere. */
const isHandedOver = ({ call }: CallState, effect: RunningEffect, thrown: unknown): boolean =>
  effect.begun && !call.transactional && (call.isDelegation?.(thrown) ?? false);

async function settleResult(
  state: CallState,
  claim: Receipt,
  effect: RunningEffect,
  value: unknown,
): Promise<CallOutcome> {
  if (!effect.begun) {
    // An inner interceptor answered in the effect's place: nothing happened that a receipt could speak of.
    await release(state, claim);
    return { kind: 'result', value, replayed: false, key: claim.key, requestId: claim.requestId };
  }
  if (state.call.transactional) return settleTransaction(state, claim, effect);
  const encoded = await encodeResult(state, value);
  // Whatever came of the write, the effect happened and this is its result; Temporal's history keeps it.
  await writeSettlement(state, claim, 'committed', encoded);
  if (encoded.problem !== undefined) throw resultUnavailable(claim.requestId, encoded.problem);
  return { kind: 'result', value, replayed: false, key: claim.key, requestId: claim.requestId };
}

async function settleError(
  state: CallState,
  claim: Receipt,
  effect: RunningEffect,
  thrown: unknown,
): Promise<CallOutcome> {
  if (effect.committed) return settleTransaction(state, claim, effect);
  if (isHandedOver(state, effect, thrown)) return handOver(state, claim, effect, thrown);
  const meaning = meaningOf(state, effect, thrown);
  switch (meaning) {
    case 'not-committed': {
      const released = await release(state, claim);
      if (!released && state.call.transactional) return lookUp(state, claim, thrown);
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

/** Without its receipt a transaction did not commit, whatever it threw. */
function meaningOf(
  { call: { transactional, classify } }: CallState,
  effect: RunningEffect,
  thrown: unknown,
): ErrorClass {
  if (!effect.begun) return 'not-committed';
  if (transactional && thrown instanceof OutcomeUnknownError) return 'unknown';
  const meaning = classifyError(thrown, classify);
  return transactional && meaning === 'unknown' ? 'not-committed' : meaning;
}

/** The result of a transaction is what it committed, whatever the function did after it. */
async function settleTransaction(
  state: CallState,
  claim: Receipt,
  { committed }: RunningEffect,
): Promise<CallOutcome> {
  const { key, requestId } = claim;
  if (committed) {
    state.emit('settled', { verdict: 'committed' });
    return { kind: 'result', value: committed.value, replayed: false, key, requestId };
  }
  const problem = new InvalidRequestError(
    `The transactional effect of request id ${requestId} ended without a transaction, so nothing was kept. Do its work in receipts.transaction(async (tx) => …), or take transactional: true away.`,
    { requestId },
  );
  if (!(await release(state, claim))) return lookUp(state, claim, problem);
  throw problem;
}

/** The claim is not ours any more, or the answer to the commit was lost: the row says what became of it. */
async function lookUp(state: CallState, claim: Receipt, thrown: unknown): Promise<CallOutcome> {
  const found = await askAgain(state, () => state.env.store.get(claim.key), whileItMatters(state));
  const receipt = found?.receipt;
  const { requestId } = claim;
  if (receipt?.state === 'committed' || receipt?.state === 'rejected') return replay(state, receipt);
  if (claim.doubt) throw unknownAfter(state, claim, thrown);
  if (receipt === undefined || isFree(receipt))
    throw new NotCommittedError(messageOf(thrown), { requestId, cause: thrown });
  throw new InFlightError(
    `The transaction of request id ${requestId} was rolled back, for its claim was lost meanwhile. Retry: what became of the intent is looked up.`,
    { requestId, cause: thrown },
  );
}

const writeDelegation = (state: CallState, until: number): Promise<boolean> =>
  askAgain(state, () => state.env.store.delegate(state.request), until);

/** The claim stays open, without a lease, until whoever goes on with the effect says what became of it. */
async function handOver(
  state: CallState,
  claim: Receipt,
  effect: RunningEffect,
  thrown: unknown,
): Promise<CallOutcome> {
  // The lease is kept meanwhile: a row that nobody holds would be found out, and who goes on may not have begun.
  const written =
    effect.isDelegated || (await writeDelegation(state, state.call.deadline).catch(() => false));
  state.emit(written ? 'delegated' : 'unwritten');
  return { kind: 'delegated', thrown, key: claim.key, requestId: claim.requestId };
}

async function settleRejection(state: CallState, claim: Receipt, thrown: unknown): Promise<CallOutcome> {
  const { key, requestId } = claim;
  const encoded = await encodePatiently(state, () => state.call.codec.encodeFailure(thrown));
  // A "no" that cannot be kept is no outcome.
  if (encoded.problem !== undefined) throw await leaveUnknown(state, claim, thrown);
  const answer = await writeSettlement(state, claim, 'rejected', encoded);
  switch (answer) {
    case 'written':
      return { kind: 'rejected', error: thrown, replayed: false, key, requestId };
    case 'lost':
      throw new ReceiptStoreUnavailableError(
        `The rejection of request id ${requestId} could not be written down. Retry: the outcome is looked up.`,
        { requestId, cause: thrown },
      );
    case 'late':
      if (state.call.transactional) return lookUp(state, claim, thrown);
      throw unknownAfter(state, claim, thrown);
    case 'unknown':
      throw unknownAfter(state, claim, thrown);
    default:
      return answer satisfies never;
  }
}

async function leaveUnknown(state: CallState, claim: Receipt, thrown: unknown): Promise<OutcomeUnknownError> {
  state.emit('unknown', { by: nameOf(thrown) });
  // If it cannot be marked, the lease runs out: the same, only later.
  await askAgain(state, () => state.env.store.markUnknown(state.request), whileItMatters(state)).catch(
    () => false,
  );
  return unknownAfter(state, claim, thrown);
}

/** After a lease's length the row is unknown by itself; an attempt is not kept any longer for saying so. */
const whileItMatters = ({ call, env }: CallState): number =>
  Math.min(call.deadline, env.clock.monotonic() + call.leaseMs);

async function release(state: CallState, claim: Receipt): Promise<boolean> {
  // If it cannot be written the lease runs out and the row becomes unknown: safe, only slower.
  const released = await giveBack(state, whileItMatters(state));
  if (released && !claim.doubt) state.emit('released', { verdict: 'not-committed' });
  return released;
}

/** Gives a claim back whose effect never started or surely did not happen. */
const giveBack = (state: CallState, until: number): Promise<boolean> =>
  askAgain(state, () => state.env.store.release(state.request), until).catch(() => false);

/** One question to a store that may be away takes this long at most, and the second one comes this much later. */
const withdrawMs = 1000;

/**
 * Gives a claim back that may be ours: its answer never came. That there is nothing to release yet proves nothing:
 * the claim can be waiting in a pool, in the network or for a lock, and its release can overtake it. So it is asked
 * again, at growing intervals (a database that is away is not pestered), until a lease's length has passed.
 */
export async function withdraw(state: CallState): Promise<void> {
  const { clock } = state.env;
  const end = clock.monotonic() + state.call.leaseMs;
  for (let delay = withdrawMs; ; delay *= 2) {
    if (await giveBack(state, clock.monotonic() + withdrawMs)) return;
    if (clock.monotonic() + delay > end) return;
    await clock.sleep(delay);
  }
}

const messageOf = (thrown: unknown): string =>
  (isError(thrown) && errorMessage(thrown)) || 'The effect reported that nothing happened.';

/** Under `'retry'` and with a probe the caller comes back by its own back-off: the next attempt can find out at once. */
function unknownAfter(state: CallState, claim: Receipt, cause: unknown): OutcomeUnknownError {
  const { onUnknown } = state.call;
  const held = onHold(state, claim);
  const findsOut = onUnknown === 'retry' || typeof onUnknown === 'function';
  return new OutcomeUnknownError(held.message, {
    requestId: claim.requestId,
    cause,
    retryable: onUnknown !== 'fail' && onUnknown !== 'ask',
    ...(onUnknown === 'ask' ? { ask: { epoch: claim.epoch } } : {}),
    ...(findsOut ? {} : { retryAfterMs: held.retryAfterMs }),
  });
}
