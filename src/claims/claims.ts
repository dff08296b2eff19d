/**
 * Claims for effects that are run elsewhere, by callers in any language: they claim, act, and say what became of it.
 * Nobody renews a claim meanwhile: one that is not settled within its lease is unknown, until its holder or somebody else
 * knows more.
 */
import { randomUUID } from 'node:crypto';

import {
  checkedAction,
  checkedContent,
  checkedFingerprint,
  checkedId,
  decide,
  InvalidRequestError,
  isUnresolved,
  ReceiptStoreUnavailableError,
  toMs,
  weigh,
  type ClaimRequest,
  type Duration,
  type Evidence,
  type Origin,
  type Receipt,
  type ReceiptState,
  type ReceiptStore,
} from '../core';
import {
  generationId,
  hashOfWrittenId,
  receiptKey,
  requestIdProblem,
  sha256Hex,
  withoutGeneration,
} from '../ids';
import { asking, claiming } from './asking';
import { jsonOutcome, rejection, settledOf, type Settled } from './outcomes';

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
  /** How long it may take until it is settled: `'2m'` unless given, a day at most. */
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

/** What became of an effect. */
export interface Settling {
  readonly requestId: string;
  /** As the claim was answered. */
  readonly token: string;
  /** `rejected`: the provider's final no. `not-committed`: it surely did not happen; who is not sure says nothing. */
  readonly outcome: 'committed' | 'rejected' | 'not-committed';
  /** Of what is committed: what every later caller gets, as JSON has it. Of what is rejected: why, a text. */
  readonly result?: unknown;
}

/** The answer to that. */
export type SettleReply =
  /** It is written, now or before. */
  | {
      readonly status: 'SETTLED';
      readonly requestId: string;
      readonly state: 'committed' | 'rejected' | 'released';
    }
  /** A "no" that came too late, or over an earlier attempt that nobody knows of: it stays unknown. */
  | { readonly status: 'UNKNOWN'; readonly requestId: string }
  /** It has been settled otherwise, or claimed by somebody else since. That it happened, or was rejected, is kept as evidence. */
  | { readonly status: 'LATE'; readonly requestId: string; readonly state: ReceiptState }
  /** The token never held this claim. Nothing was written. */
  | { readonly status: 'NOT_HELD'; readonly requestId: string };

/** Which receipts to tell of. */
export interface UnknownFilter {
  readonly action?: string | undefined;
  /** At most so many, the newest: 20 unless given, 100 at most. */
  readonly limit?: number | undefined;
}

/** A receipt without its outcome, which is told only to who claims the same again. */
export interface ReceiptSummary {
  readonly requestId: string;
  readonly state: ReceiptState;
  /** Sources contradict each other: a person decides. */
  readonly contested: boolean;
  readonly action: string;
  readonly epoch: number;
  readonly claimedAt: string;
  readonly settledAt: string | undefined;
}

const longestLeaseMs = 24 * 60 * 60 * 1000;
const leastLeaseMs = 500;
const graceMs = 10_000;

/** Each look is one step of somebody else. */
const mostLooks = 100;
const mostGenerations = 100;

/** When to ask again for what is in flight. */
const retryMs = { least: 1000, most: 10_000 };

/**
 * Claims an intent. The token of a claim is made here, so that two callers never hold one; who loses the answer waits for
 * the end of the lease, and then for somebody who knows.
 * @throws InvalidRequestError for what cannot be guarded: nothing was claimed
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: the caller must not act
 */
export async function claimFor(receipts: ReceiptStore, terms: ClaimTerms): Promise<ClaimReply> {
  const first = requestOf(receipts, terms);
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
        if (!(await hasMoved(receipts, receipt))) return { status: 'UNKNOWN', requestId };
        break;
      }
      case 'unknown':
        if (!(await hasMoved(receipts, receipt))) return { status: 'UNKNOWN', requestId };
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

function requestOf(receipts: ReceiptStore, terms: ClaimTerms): ClaimRequest {
  const action = checkedAction(terms.action);
  const { requestId } = checkedId(terms.requestId, action);
  const { payload, fingerprint } = terms;
  const content = fingerprint === undefined ? payload : checkedContent(action, fingerprint);
  const leaseMs = toMs('leaseFor', terms.leaseFor ?? '2m');
  if (leaseMs < leastLeaseMs || leaseMs > longestLeaseMs)
    throw new InvalidRequestError('leaseFor is half a second to a day. Nothing was claimed.', { requestId });
  return {
    ...{ ...ofGeneration(receipts, requestId, 1), ...holder(terms.origin), action, leaseMs, graceMs },
    // The caller is gone when its outcome is unknown, so that nothing can be tried again for it.
    ...{ policy: 'hold', transactional: false },
    fingerprint: checkedFingerprint(action, content, requestId),
  };
}

/** Where a generation of an intent is kept. */
function ofGeneration(receipts: ReceiptStore, requestId: string, generation: number) {
  const requestIdHash = hashOfWrittenId(requestId);
  const own = { requestId, requestIdHash };
  const of = generation === 1 ? own : generationId(own, generation);
  return { requestId: of.requestId, key: receiptKey(receipts.namespace, of.requestIdHash) };
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
async function hasMoved(receipts: ReceiptStore, { key, requestId, epoch, state }: Receipt): Promise<boolean> {
  const known = await asking(requestId, () => receipts.get(key));
  if (known?.receipt.epoch !== epoch || known.receipt.state !== state) return true;
  const weighed = await asking(requestId, () => weigh(receipts, known));
  return weighed === 'committed' || weighed === 'not-committed';
}

/**
 * Says what became of an effect. Safe to repeat with the same words after a lost answer; the first word stays. A "yes" counts
 * whenever it comes, unless somebody else has claimed or settled it since. A "no" counts within the lease only: after it, the
 * outcome is unknown to everybody, and a person or a probe has to find out.
 * @throws InvalidRequestError for what cannot be read: nothing was written
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: say it again, with the same token
 */
export async function settleFor(receipts: ReceiptStore, settling: Settling): Promise<SettleReply> {
  const { requestId, outcome, result } = settling;
  const token = checkSettling(settling);
  const held = await heldBy(receipts, requestId, token);
  if (!held) return { status: 'NOT_HELD', requestId };
  const { receipt, epoch } = held;
  const claim = { key: receipt.key, token };
  if (outcome === 'not-committed') {
    const isInTime = epoch === receipt.epoch && !isUnresolved(receipt);
    if (isInTime) await asking(requestId, () => receipts.release(claim));
  } else {
    const stored =
      outcome === 'committed' ? jsonOutcome(result, requestId) : await rejection(result, requestId);
    const answer = await asking(requestId, () =>
      receipts.settle({ ...claim, epoch, state: outcome, outcome: stored }),
    );
    if (answer === outcome) return { status: 'SETTLED', requestId, state: outcome };
  }
  return asItIs(receipts, settling, receipt.key);
}

/** What is so now, where nothing was settled by what was said, or it was released. */
async function asItIs(
  receipts: ReceiptStore,
  { requestId, token, outcome }: Settling,
  key: string,
): Promise<SettleReply> {
  const now = (await asking(requestId, () => receipts.get(key)))?.receipt;
  if (!now) return { status: 'NOT_HELD', requestId };
  if (outcome === 'not-committed' && now.state === 'released' && now.token === token.toLowerCase())
    return { status: 'SETTLED', requestId, state: 'released' };
  const { state } = summaryOf(now);
  return state === 'unknown' && outcome !== 'committed'
    ? { status: 'UNKNOWN', requestId }
    : { status: 'LATE', requestId, state };
}

const outcomes: readonly unknown[] = ['committed', 'rejected', 'not-committed'];
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function checkSettling({ requestId, token, outcome }: Settling): string {
  checkWritten('settle', requestId);
  const written = typeof token === 'string' ? token.toLowerCase() : '';
  if (!uuid.test(written))
    throw new InvalidRequestError('settle: token is the one that claim answered. Nothing was written.', {
      requestId,
    });
  if (!outcomes.includes(outcome))
    throw new InvalidRequestError(`settle: outcome is one of ${outcomes.join(', ')}. Nothing was written.`, {
      requestId,
    });
  return written;
}

/** An id as it was answered: also that of a later generation. */
function checkWritten(what: string, requestId: unknown): void {
  const problem = requestIdProblem(typeof requestId === 'string' ? withoutGeneration(requestId) : requestId);
  if (problem !== undefined) throw new InvalidRequestError(`${what}: ${problem}. Nothing was done.`);
}

/** The receipt that a token holds, or held, and in which epoch. */
async function heldBy(receipts: ReceiptStore, written: string, token: string) {
  const requestId = withoutGeneration(written);
  for (let generation = 1; generation <= mostGenerations; generation++) {
    const { key } = ofGeneration(receipts, requestId, generation);
    const found = await asking(requestId, () => receipts.get(key));
    if (!found) return undefined;
    const { receipt, evidence } = found;
    const epoch = receipt.token === token ? receipt.epoch : epochBefore(evidence, token);
    if (epoch !== undefined) return { receipt, epoch };
    if (receipt.state !== 'superseded') return undefined;
  }
  return undefined;
}

/** In which epoch a token held the claim, before somebody else took it over. */
function epochBefore(evidence: readonly Evidence[], token: string): number | undefined {
  const hash = sha256Hex(token);
  return evidence.find(({ source, note }) => source === 'attempt' && note?.includes(hash))?.epoch;
}

/**
 * What is known of a request id, without its result: that is told to who claims the same again.
 * @returns `undefined` where there is no receipt
 * @throws InvalidRequestError for what is no request id
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached
 */
export async function statusOf(
  receipts: ReceiptStore,
  requestId: string,
): Promise<ReceiptSummary | undefined> {
  checkWritten('status', requestId);
  const key = receiptKey(receipts.namespace, hashOfWrittenId(requestId));
  const found = await asking(requestId, () => receipts.get(key));
  return found && summaryOf(found.receipt);
}

/**
 * What nobody knows the outcome of, newest first.
 * @throws InvalidRequestError for a limit that is none
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached
 */
export async function unknownReceipts(
  receipts: ReceiptStore,
  { action, limit = 20 }: UnknownFilter = {},
): Promise<readonly ReceiptSummary[]> {
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new InvalidRequestError('limit is a whole number from 1 to 100.');
  const only = action === undefined ? {} : { action: checkedAction(action) };
  const found = await asking('', () => receipts.list({ ...only, unresolved: true, limit }));
  return found.map(summaryOf);
}

/** A lease that ran out makes it unknown, whether or not somebody has written that down. */
function summaryOf(receipt: Receipt): ReceiptSummary {
  const { requestId, action, epoch, contested, claimedAt, settledAt } = receipt;
  const state = isUnresolved(receipt) ? 'unknown' : receipt.state;
  return { requestId, state, contested, action, epoch, claimedAt, settledAt };
}
