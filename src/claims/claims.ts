/** Claims for effects that are run elsewhere, by callers in any language: they claim, act, and say what became of it. */
import { randomUUID } from 'node:crypto';

import {
  checkedAction,
  checkedContent,
  checkedFingerprint,
  checkedId,
  concludedSource,
  decide,
  ReceiptStoreUnavailableError,
  weigh,
  type ClaimRequest,
  type Duration,
  type Origin,
  type Receipt,
  type ReceiptStore,
  type StepEnd,
  type Telemetry,
} from '../core';
import { sha256Hex } from '../ids';
import { asking, claiming } from './asking';
import { settledOf, type Settled } from './outcomes';
import { tellingAway, watched, type Emit } from './watched';
import { leaseMsOf, ofGeneration } from './written';

/** What a caller is about to do. */
export interface ClaimTerms {
  /** Names the intent: a retry has the same, another intent another one. */
  readonly requestId: string;
  /** What is done, such as `send_email`. */
  readonly action: string;
  /** What it is done with, as JSON has it; its hash is kept, itself not. An id belongs to one payload. */
  readonly payload?: unknown;
  /** What makes two payloads under one id the same: the payload unless given. */
  readonly fingerprint?: unknown;
  /** How long it may take until it is settled: `'2m'` unless given, a day at most; its holder can renew it. */
  readonly leaseFor?: Duration | undefined;
  /** Kept with the claim, for people: which agent, which service. Never payloads or secrets. */
  readonly origin?: Origin;
}

/** The answer to a claim. Only `PROCEED` allows to act. */
export type ClaimReply =
  | {
      /** The caller holds the claim: it acts now, once, and settles with the token. */
      readonly status: 'PROCEED';
      /** To settle with, and for the provider. */
      readonly requestId: string;
      readonly token: string;
      /** The fencing number: a provider that remembers the highest one can refuse a holder that was overtaken. */
      readonly epoch: number;
      readonly leaseMs: number;
    }
  /** It is settled: what became of it. */
  | ({ readonly status: 'SKIP'; readonly requestId: string } & Settled)
  /** Somebody else is at it. */
  | { readonly status: 'IN_FLIGHT'; readonly requestId: string; readonly retryAfterMs: number }
  /** Nobody knows whether it happened. */
  | { readonly status: 'UNKNOWN'; readonly requestId: string }
  /** The id belongs to another action or payload, or was settled so long ago that its receipt is gone. */
  | {
      readonly status: 'CONFLICT';
      readonly requestId: string;
      readonly code: 'RequestIdReused' | 'ReceiptPruned';
    };

const graceMs = 10_000;

/** Each look is one step of somebody else. */
const mostLooks = 100;

/** When to ask again for what is in flight. */
const retryMs = { least: 1000, most: 10_000 };

/**
 * Claims an intent. The token of a claim is made here, so that two callers never hold one; who loses the answer waits for
 * the end of the lease, and then for somebody who knows.
 * @throws InvalidRequestError for what cannot be guarded: nothing was claimed
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: the caller must not act
 */
export async function claimFor(
  receipts: ReceiptStore,
  terms: ClaimTerms,
  telemetry?: Telemetry,
): Promise<ClaimReply> {
  const first = requestOf(receipts, terms);
  return tellingAway(telemetry, () =>
    watched(telemetry, ['claim', first], (emit) => claimIt(receipts, first, terms, emit), endOfClaim),
  );
}

async function claimIt(
  receipts: ReceiptStore,
  first: ClaimRequest,
  terms: ClaimTerms,
  emit: Emit,
): Promise<ClaimReply> {
  let claim = first;
  for (let look = 0, generation = 1; look < mostLooks; look++) {
    const asked = claim;
    const receipt = await claiming(receipts, asked, () => receipts.claim(asked));
    const answer = decide(receipt, { ...asked, wantsNext: false });
    const { requestId } = asked;
    switch (answer) {
      case 'claimed':
        return proceed(receipt, asked);
      case 'replay':
        return { status: 'SKIP', requestId, ...settledOf(receipt) };
      case 'in-flight':
        return { status: 'IN_FLIGHT', requestId, retryAfterMs: retryAfterMs(receipt) };
      case 'reused':
        return { status: 'CONFLICT', requestId, code: 'RequestIdReused' };
      case 'pruned':
        return { status: 'CONFLICT', requestId, code: 'ReceiptPruned' };
      case 'own-claim-lapsed':
        // Its token was told nobody, so that nothing was done under it.
        await asking(requestId, () => receipts.release(asked));
        break;
      case 'released': {
        claim = { ...asked, ...holder(terms.origin) };
        const again = { ...claim, epoch: receipt.epoch, fromUnknown: false };
        const taken = await claiming(receipts, claim, () => receipts.takeOver(again));
        if (taken) return proceed(taken, claim);
        if (!(await hasMoved(receipts, receipt, emit))) return { status: 'UNKNOWN', requestId };
        break;
      }
      case 'unknown':
        if (!(await hasMoved(receipts, receipt, emit))) return { status: 'UNKNOWN', requestId };
        break;
      case 'next-generation':
        claim = {
          ...first,
          ...ofGeneration(receipts, first.requestId, ++generation),
          ...holder(terms.origin),
        };
        break;
      default:
        answer satisfies never;
    }
  }
  throw new ReceiptStoreUnavailableError(
    `Request id ${first.requestId} changes hands all the time. Try again later.`,
    { requestId: first.requestId },
  );
}

/** What a guarded call would have got, or thrown. */
function endOfClaim(reply: ClaimReply): StepEnd {
  switch (reply.status) {
    case 'PROCEED':
      return { answer: 'claimed', epoch: reply.epoch };
    case 'SKIP':
      return reply.state === 'committed' && reply.resultUnavailable
        ? { error: 'ResultUnavailable' }
        : { answer: 'replayed' };
    case 'IN_FLIGHT':
      return { error: 'InFlight' };
    case 'UNKNOWN':
      return { error: 'OutcomeUnknown' };
    case 'CONFLICT':
      return { error: reply.code };
    default:
      return reply satisfies never;
  }
}

function requestOf(receipts: ReceiptStore, terms: ClaimTerms): ClaimRequest {
  const action = checkedAction(terms.action);
  const { requestId } = checkedId(terms.requestId, action);
  const { payload, fingerprint } = terms;
  const content = fingerprint === undefined ? payload : checkedContent(action, fingerprint);
  const leaseMs = leaseMsOf(terms.leaseFor ?? '2m', requestId);
  return {
    ...{ ...ofGeneration(receipts, requestId, 1), ...holder(terms.origin), action, leaseMs, graceMs },
    // The caller is gone when its outcome is unknown, so that nothing can be tried again for it.
    ...{ policy: 'hold', transactional: false },
    fingerprint: checkedFingerprint(action, content, requestId),
  };
}

/** Whoever takes a claim over leaves its origin behind as evidence: by that a late holder is told from a guess. */
function holder(origin: Origin = {}): Pick<ClaimRequest, 'token' | 'origin'> {
  const token = randomUUID();
  return { token, origin: { ...origin, tokenHash: sha256Hex(token) } };
}

const proceed = ({ requestId, epoch }: Receipt, { token, leaseMs }: ClaimRequest): ClaimReply => ({
  ...{ status: 'PROCEED', requestId, token, epoch, leaseMs },
});

const retryAfterMs = ({ leaseRemainingMs }: Receipt): number =>
  Math.round(Math.min(retryMs.most, Math.max(retryMs.least, leaseRemainingMs)));

/** Whether a receipt that allows nothing is another one by now, or what the sources say settles it. */
async function hasMoved(
  receipts: ReceiptStore,
  { key, requestId, epoch, state }: Receipt,
  emit: Emit,
): Promise<boolean> {
  const known = await asking(requestId, () => receipts.get(key));
  if (known?.receipt.epoch !== epoch || known.receipt.state !== state) return true;
  const weighed = await asking(requestId, () => weigh(receipts, known));
  if (weighed !== 'committed' && weighed !== 'not-committed') return false;
  emit('resolved', { by: concludedSource, verdict: weighed });
  return true;
}
