/** One guarded call from its claim to its receipt. All decisions come from `decide.ts` and `policy.ts`. */
import { generationId, mostGenerations, receiptKey } from '../ids';
import type { CallOutcome, EngineEnvironment, GuardedCall } from './call';
import { CallState, holdDelayMs, onHold } from './call-state';
import { decide, type ClaimAnswer } from './decide';
import { runEffect, withdraw } from './effect';
import {
  InFlightError,
  InvalidRequestError,
  ReceiptPrunedError,
  RequestIdReusedError,
  type ActivityGuardError,
} from './errors';
import { Ends } from './ends';
import { LeaseKeeper } from './leases';
import { isFree, type Receipt } from './receipt';
import { replay } from './replay';
import { askAgain } from './store-retry';
import { atUnknown, settleByEvidence } from './unknown';

/** While somebody else holds the claim, the row is looked at this often. */
const pollMs = { first: 50, most: 1000 };

/** A call that keeps losing races gives up after this many looks; each look is one step of somebody else. */
const mostLooks = 10_000;

/** The end of the last call, beside those of single keys. */
const allOfThem = 'all';

/** What one look at the row led to: an outcome, or a time to wait before the next look. */
type Step =
  | { readonly done: CallOutcome }
  | { readonly waitMs: number; readonly orElse: () => ActivityGuardError };

/** Guards calls over one store. */
export class GuardEngine {
  private readonly keeper: LeaseKeeper;
  private readonly ends: Ends;
  /** How many still run or have something to write. */
  private inFlight = 0;

  constructor(private readonly env: EngineEnvironment) {
    this.keeper = new LeaseKeeper(env.store, env.clock, env.onEvent);
    this.ends = new Ends(env.clock);
  }

  /**
   * Runs the effect of `call` at most once, or gives the outcome it had.
   * @throws an `ActivityGuardError` when there is no outcome to give; what it allows is in its code.
   */
  async run(call: GuardedCall): Promise<CallOutcome> {
    const { clock, store } = this.env;
    const state = new CallState(this.env, this.keeper, this.ends, call);
    let poll = pollMs.first;
    let before: ClaimAnswer | undefined;
    this.inFlight++;
    state.begin('claim');
    try {
      for (let look = 0; look < mostLooks; look++) {
        const asked = state.keeper.now();
        // Until a row comes back, the claim is perhaps made and its answer lost.
        state.claimInDoubt = true;
        const receipt = await askAgain(state, () => store.claim(state.request));
        state.claimInDoubt = false;
        state.epoch = receipt.epoch;
        const answer = answerTo(state, receipt);
        if (answer === 'claimed') return await runEffect(state, receipt, asked);
        if (answer !== before && (answer === 'in-flight' || answer === 'unknown')) state.emit(answer);
        before = answer;
        const step = await takeStep(state, receipt, answer, poll);
        if (step === 'again') continue;
        if ('done' in step) return step.done;
        if (clock.monotonic() + step.waitMs > state.waitUntil || call.signal?.aborted) throw step.orElse();
        state.waited = true;
        await state.ends.wait(state.request.key, step.waitMs, call.signal);
        if (call.signal?.aborted) throw step.orElse();
        poll = Math.min(poll * 1.5, pollMs.most);
      }
      throw changedHands(call);
    } catch (error) {
      // A claim whose answer was lost may be ours, and nobody would ever run it. Not awaited: the store may be away.
      if (state.claimInDoubt) void this.giveBack(state);
      state.endBy(error);
      throw error;
    } finally {
      state.end(undefined);
      this.ended();
    }
  }

  private async giveBack(state: CallState): Promise<void> {
    this.inFlight++;
    await withdraw(state).finally(() => this.ended());
  }

  private ended(): void {
    this.inFlight--;
    if (this.inFlight === 0) this.ends.tell(allOfThem);
  }

  /**
   * Waits until all calls have ended and written what they know, but no longer than `ms`: before the store is
   * closed. New calls should not come meanwhile. Resolves to whether all have ended; never rejects.
   */
  async drain(ms: number): Promise<boolean> {
    const { clock } = this.env;
    const until = clock.monotonic() + ms;
    for (let leftMs = ms; this.inFlight > 0 && leftMs > 0; leftMs = until - clock.monotonic()) {
      await this.ends.wait(allOfThem, leftMs, undefined);
    }
    return this.inFlight === 0;
  }
}

function answerTo({ request, generation, call }: CallState, receipt: Receipt): ClaimAnswer {
  const { token, action, fingerprint } = request;
  return decide(receipt, { token, action, fingerprint, wantsNext: generation < (call.generation ?? 1) });
}

async function takeStep(
  state: CallState,
  receipt: Receipt,
  answer: Exclude<ClaimAnswer, 'claimed'>,
  poll: number,
): Promise<Step | 'again'> {
  switch (answer) {
    case 'own-claim-lapsed':
      await askAgain(state, () => state.env.store.release(state.request));
      return 'again';
    case 'replay': {
      state.emit('replayed');
      const done = await replay(state, receipt);
      state.end('replayed');
      return { done };
    }
    case 'next-generation':
      nextGeneration(state);
      return 'again';
    case 'pruned':
      throw pruned(receipt);
    case 'in-flight': {
      const waitMs = receipt.state === 'delegated' ? poll : Math.min(receipt.leaseRemainingMs, poll);
      return { waitMs, orElse: () => inFlight(state, receipt) };
    }
    case 'released': {
      const taken = await takeOver(state, receipt, false);
      if (taken) return { done: taken };
      return (await isSettledByEvidence(state, receipt))
        ? 'again'
        : { waitMs: poll, orElse: () => onHold(state, receipt) };
    }
    case 'unknown': {
      const next = await atUnknown(state, receipt);
      if (next === 'look-again') return 'again';
      if (next !== 'take-over')
        return { waitMs: next.waitMs, orElse: () => onHold(state, receipt, next.waitMs) };
      const taken = await takeOver(state, receipt, true);
      return taken ? { done: taken } : { waitMs: poll, orElse: () => onHold(state, receipt) };
    }
    case 'reused':
      throw reused(state.call.requestId, state.call.action, receipt);
    default:
      return answer satisfies never;
  }
}

/** What keeps a released row from being claimed is evidence that it happened all the same. */
async function isSettledByEvidence(state: CallState, { key, epoch }: Receipt): Promise<boolean> {
  const known = await askAgain(state, () => state.env.store.get(key));
  return known?.receipt.epoch === epoch && isFree(known.receipt) && settleByEvidence(state, known);
}

async function takeOver(
  state: CallState,
  receipt: Receipt,
  fromUnknown: boolean,
): Promise<CallOutcome | undefined> {
  const asked = state.keeper.now();
  // A new claim has a new token: what was sent under the last one may still arrive.
  state.request = { ...state.request, token: state.env.newToken() };
  const request = { ...state.request, epoch: receipt.epoch, fromUnknown };
  // After a lost answer the epoch no longer fits; the next look then finds the claim under our token.
  state.claimInDoubt = true;
  const taken = await askAgain(state, () => state.env.store.takeOver(request));
  state.claimInDoubt = taken === undefined;
  return taken && runEffect(state, taken, asked);
}

function nextGeneration(state: CallState): void {
  const { requestId, requestIdHash } = state.call;
  const generation = state.generation + 1;
  if (generation > mostGenerations) {
    throw new InvalidRequestError(
      `Request id ${requestId} has ${mostGenerations} generations already; nothing was run. Give this intent a request id of its own.`,
      { requestId },
    );
  }
  const next = generationId({ requestId, requestIdHash }, generation);
  const key = receiptKey(state.env.store.namespace, next.requestIdHash);
  state.request = { ...state.request, key, requestId: next.requestId, token: state.env.newToken() };
  state.generation = generation;
}

const changedHands = ({ requestId }: GuardedCall): InFlightError =>
  new InFlightError(
    `Request id ${requestId} changed hands ${mostLooks} times while this call looked on. Retry later.`,
    { requestId },
  );

function inFlight(state: CallState, receipt: Receipt): InFlightError {
  const isElsewhere = receipt.state === 'delegated';
  return new InFlightError(
    `Request id ${receipt.requestId} is being executed ${isElsewhere ? 'and will be completed from elsewhere' : `by somebody else (epoch ${receipt.epoch})`}. Retry later: you will get its result.`,
    {
      requestId: receipt.requestId,
      // The holder may be done long before its lease is over.
      retryAfterMs: Math.min(
        holdDelayMs(state.call.attempt),
        isElsewhere ? Infinity : Math.max(1000, receipt.leaseRemainingMs),
      ),
    },
  );
}

const pruned = ({ requestId, settledAt }: Receipt): ReceiptPrunedError =>
  new ReceiptPrunedError(
    `Request id ${requestId} was settled at ${settledAt} and its receipt has been pruned since; nothing was run. ` +
      'Look the outcome up at the provider, and give a new intent a request id of its own.',
    { requestId },
  );

const reused = (requestId: string, action: string, receipt: Receipt): RequestIdReusedError =>
  new RequestIdReusedError(
    `Request id ${requestId} already belongs to ${receipt.action === action ? 'the same action with another payload' : `action ${receipt.action}`}; ` +
      'nothing was run. Give this intent a request id of its own.',
    { requestId },
  );
