/** What the holder of a claim says: that it needs more time, and what became of the effect. */
import {
  attemptSource,
  InvalidRequestError,
  isUnresolved,
  type Duration,
  type Evidence,
  type Receipt,
  type ReceiptState,
  type ReceiptStore,
  type Telemetry,
} from '../core';
import { mostGenerations, sha256Hex, withoutGeneration } from '../ids';
import { asking } from './asking';
import { rejection, resultOutcome } from './outcomes';
import { summaryOf } from './reading';
import { tellingAway, watched, type Emit } from './watched';
import { checkWritten, leaseMsOf, ofGeneration } from './written';

/**
 * What a holder can say. `rejected`: the provider's final no. `not-committed`: it surely did not happen. `unknown`: the holder
 * does not know.
 */
export const outcomes = ['committed', 'rejected', 'not-committed', 'unknown'] as const;

/** What became of an effect. */
export interface Settling {
  readonly requestId: string;
  /** As the claim was answered. */
  readonly token: string;
  readonly outcome: (typeof outcomes)[number];
  /** Of what is committed: what every later caller gets, as JSON has it. Of what is rejected: why, a text. */
  readonly result?: unknown;
}

/** The answer to that. */
export type SettleReply =
  /** It is written, now or before. */
  | {
      readonly status: 'SETTLED';
      readonly requestId: string;
      readonly state: 'committed' | 'rejected' | 'released' | 'unknown';
    }
  /** A "no" that came too late, or over an earlier attempt that nobody knows of: it stays unknown. */
  | { readonly status: 'UNKNOWN'; readonly requestId: string }
  /** It has been settled otherwise, or claimed by somebody else since. That it happened, or was rejected, is kept as evidence. */
  | { readonly status: 'LATE'; readonly requestId: string; readonly state: ReceiptState }
  /** The token never held this claim. Nothing was written. */
  | { readonly status: 'NOT_HELD'; readonly requestId: string };

/** More time for a claim. */
export interface Renewing {
  readonly requestId: string;
  /** As the claim was answered. */
  readonly token: string;
  /** How long it may take from now, also where that is less than is left: half a second to a day. */
  readonly leaseFor: Duration;
}

/** The answer to that. On all but `RENEWED` the holder stops what it can still stop. */
export type RenewReply =
  | { readonly status: 'RENEWED'; readonly requestId: string; readonly leaseMs: number }
  /** It came too late: nobody knows whether it happened, unless the holder settles it as committed. */
  | { readonly status: 'UNKNOWN'; readonly requestId: string }
  /** It has been settled, or claimed by somebody else since. */
  | { readonly status: 'LATE'; readonly requestId: string; readonly state: ReceiptState }
  /** The token never held this claim. */
  | { readonly status: 'NOT_HELD'; readonly requestId: string };

/**
 * Gives a claim more time, as long as its lease still stands: one that ran out is never revived, since others may already
 * have been told so. Safe to repeat.
 * @throws InvalidRequestError for what cannot be read: nothing was renewed
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: ask again before the lease is over
 */
export async function renewFor(
  receipts: ReceiptStore,
  renewing: Renewing,
  telemetry?: Telemetry,
): Promise<RenewReply> {
  const { requestId } = renewing;
  const token = checkHolder('renew', renewing);
  const leaseMs = leaseMsOf(renewing.leaseFor, requestId);
  return tellingAway(telemetry, async () => {
    const held = await heldBy(receipts, requestId, token);
    if (!held) return { status: 'NOT_HELD', requestId };
    const { key, action } = held.receipt;
    const standing = await asking(requestId, () => receipts.renew([{ key, token }], leaseMs));
    if (standing.has(token)) return { status: 'RENEWED', requestId, leaseMs };
    const now = (await asking(requestId, () => receipts.get(key)))?.receipt;
    if (!now) return { status: 'NOT_HELD', requestId };
    const { state } = summaryOf(now);
    if (state !== 'unknown') return { status: 'LATE', requestId, state };
    telemetry?.event({ type: 'lease-lost', requestId, action });
    return { status: 'UNKNOWN', requestId };
  });
}

/**
 * Says what became of an effect. Safe to repeat with the same words after a lost answer; the first word stays. A "yes" counts
 * whenever it comes, unless somebody else has claimed or settled it since. A "no" counts within the lease only: after it, the
 * outcome is unknown to everybody, and a person or a probe has to find out. Who says `unknown` lets others know at once.
 * @throws InvalidRequestError for what cannot be read: nothing was written
 * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: say it again, with the same token
 */
export async function settleFor(
  receipts: ReceiptStore,
  settling: Settling,
  telemetry?: Telemetry,
): Promise<SettleReply> {
  const { requestId } = settling;
  const token = checkHolder('settle', settling);
  checkOutcome(settling);
  const stored = await storedOf(settling);
  return tellingAway(telemetry, async () => {
    const held = await heldBy(receipts, requestId, token);
    if (!held) return { status: 'NOT_HELD', requestId };
    const { action } = held.receipt;
    const settle = async (emit: Emit): Promise<SettleReply> => {
      const reply = await settleIt(receipts, settling, { ...held, token, stored });
      tellSettled(reply, settling, emit);
      return reply;
    };
    return watched(telemetry, ['settle', { requestId, action }], settle, () => ({ epoch: held.epoch }));
  });
}

/** The outcome as it is kept; there is none where nothing happened, or nobody knows. */
async function storedOf({ outcome, result, requestId }: Settling) {
  if (outcome === 'committed') return { state: outcome, outcome: resultOutcome(result, requestId) };
  if (outcome === 'rejected') return { state: outcome, outcome: await rejection(result, requestId) };
  return undefined;
}

interface Held {
  readonly receipt: Receipt;
  readonly epoch: number;
  readonly token: string;
  readonly stored: Awaited<ReturnType<typeof storedOf>>;
}

async function settleIt(
  receipts: ReceiptStore,
  settling: Settling,
  { receipt, epoch, token, stored }: Held,
): Promise<SettleReply> {
  const { requestId, outcome } = settling;
  const claim = { key: receipt.key, token };
  const isInTime = epoch === receipt.epoch && !isUnresolved(receipt);
  if (stored) {
    const answer = await asking(requestId, () => receipts.settle({ ...claim, epoch, ...stored }));
    if (answer === stored.state) return { status: 'SETTLED', requestId, state: answer };
  } else if (isInTime)
    await asking(requestId, () =>
      outcome === 'unknown' ? receipts.markUnknown(claim) : receipts.release(claim),
    );
  return asItIs(receipts, settling, receipt.key);
}

/** What a settlement came to. */
function tellSettled(reply: SettleReply, { outcome }: Settling, emit: Emit): void {
  if (reply.status === 'LATE') emit('late');
  else if (reply.status === 'UNKNOWN') emit('unknown');
  else if (reply.status === 'SETTLED' && reply.state === 'released')
    emit('released', { verdict: 'not-committed' });
  else if (reply.status === 'SETTLED' && reply.state === 'unknown') emit('unknown');
  else if (reply.status === 'SETTLED' && outcome !== 'unknown') emit('settled', { verdict: outcome });
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
  if (outcome === 'unknown' && state === 'unknown' && now.token === token.toLowerCase())
    return { status: 'SETTLED', requestId, state };
  return state === 'unknown' && outcome !== 'committed'
    ? { status: 'UNKNOWN', requestId }
    : { status: 'LATE', requestId, state };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @returns the token as it was made */
function checkHolder(
  what: string,
  { requestId, token }: { readonly requestId: string; readonly token: string },
): string {
  checkWritten(what, requestId);
  const written = typeof token === 'string' ? token.toLowerCase() : '';
  if (uuid.test(written)) return written;
  throw new InvalidRequestError(`${what}: token is the one that claim answered. Nothing was done.`, {
    requestId,
  });
}

function checkOutcome({ requestId, outcome, result }: Settling): void {
  const hasResult = outcome === 'committed' || outcome === 'rejected';
  if (!hasResult && result !== undefined && result !== null)
    throw new InvalidRequestError(
      'settle: only what was committed or rejected has a result. Nothing was done.',
      { requestId },
    );
  if (outcomes.includes(outcome)) return;
  throw new InvalidRequestError(`settle: outcome is one of ${outcomes.join(', ')}. Nothing was done.`, {
    requestId,
  });
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
  return evidence.find(({ source, note }) => source === attemptSource && note?.includes(hash))?.epoch;
}
