/** What a person decides about a receipt, on what he has seen of it. */
import {
  isOutstanding,
  isTooEarly,
  isUnresolved,
  jsonOutcome,
  operatorSource,
  receiptStates,
  type Evidence,
  type Outcome,
  type Receipt,
  type ReceiptStore,
  type Resolution,
  type SeenReceipt,
} from '../core';
import { keyOfWrittenId } from '../ids';

/** A receipt with all that is known of it. */
export interface Found {
  readonly receipt: Receipt;
  readonly evidence: readonly Evidence[];
}

/** The receipt of an id as it is written, also that of a later generation. */
export const find = (receipts: ReceiptStore, requestId: string): Promise<Found | undefined> =>
  receipts.get(keyOfWrittenId(receipts.namespace, requestId));

const early = '.early';

/**
 * What was seen, to be given back with a decision: who decides on something else is told so. And when, as far as it
 * matters: who looks the effect up afterwards and does not find it has proved nothing, however late he says so.
 */
export const tokenOf = (found: Found): string => `${seenOf(found)}${isTooEarly(found.receipt) ? early : ''}`;

const seenOf = ({ receipt, evidence }: Found): string =>
  `${receipt.epoch}.${receipt.state}.${evidence.length}`;

/** What a token says. */
export interface SeenToken {
  readonly epoch: number;
  readonly seen: SeenReceipt;
  readonly wasEarly: boolean;
}

/** @returns `undefined` for what is no token */
export function readToken(token: string | undefined): SeenToken | undefined {
  const [, epoch, state, evidence] = /^(\d{1,9})\.([a-z]+)\.(\d{1,9})(?:\.early)?$/.exec(token ?? '') ?? [];
  const known = receiptStates.find((name) => name === state);
  if (known === undefined) return undefined;
  const seen = { state: known, evidence: Number(evidence) };
  return { epoch: Number(epoch), seen, wasEarly: token?.endsWith(early) ?? false };
}

const isAsSeen = ({ receipt, evidence }: Found, { epoch, seen }: SeenToken): boolean =>
  receipt.epoch === epoch && receipt.state === seen.state && evidence.length === seen.evidence;

/** Who decides, on what, and why. */
export interface Decider {
  readonly token: SeenToken;
  readonly by: string | undefined;
  readonly reason: string | undefined;
}

/** How a decision went. */
export type Decided =
  | { readonly done: true; readonly now: Found }
  | { readonly done: false; readonly now: Found; readonly why: string };

/**
 * Says what became of an outcome.
 * @param outcome the result that callers get, where it was committed
 */
export async function resolve(
  receipts: ReceiptStore,
  found: Found,
  verdict: Resolution['verdict'],
  { token, by, reason, outcome }: Decider & { readonly outcome?: Outcome | undefined },
): Promise<Decided> {
  const { key } = found.receipt;
  const hasLookedEarly = verdict === 'not-committed' && token.wasEarly;
  const { epoch, seen } = token;
  // The store looks again: between the two, somebody else may decide.
  const done =
    isAsSeen(found, token) &&
    !hasLookedEarly &&
    (await receipts.resolve({
      key,
      epoch,
      verdict,
      source: operatorSource,
      by,
      seen,
      note: reason,
      outcome,
    }));
  const now = (await receipts.get(key)) ?? found;
  if (done) return { done, now };
  const why = isAsSeen(found, token) ? whyNot(now, verdict, hasLookedEarly) : changed(found);
  return { done: false, now, why };
}

/** Lets a settled intent happen once more. */
export async function supersede(
  receipts: ReceiptStore,
  found: Found,
  { token, by, reason }: Decider,
): Promise<Decided> {
  const { key } = found.receipt;
  const { epoch, seen } = token;
  const decision = { key, epoch, state: seen.state, source: operatorSource, by, note: reason };
  if (await receipts.supersede(decision)) return { done: true, now: (await receipts.get(key)) ?? found };
  return { done: false, now: found, why: whyNotSuperseded(found, token) };
}

/** Whether a person's word still counts. */
export const isOpen = ({ receipt }: Found): boolean => isOutstanding(receipt);

const changed = (found: Found): string =>
  `it has changed since you looked at it (its token is ${tokenOf(found)} now). Nothing was kept; look at it again.`;

function whyNotSuperseded(found: Found, token: SeenToken): string {
  const { state } = found.receipt;
  if (!isAsSeen(found, token)) return changed(found);
  if (state === 'claimed' || state === 'unknown')
    return 'somebody may still act on it; wait for its lease and grace time to end.';
  if (state === 'delegated') return 'it is being completed elsewhere; resolve it first.';
  return `it is ${state}.`;
}

function whyNot({ receipt }: Found, verdict: string, hasLookedEarly: boolean): string {
  if (receipt.state === 'claimed' && receipt.leaseRemainingMs > 0)
    return 'somebody holds it; wait for its lease to end.';
  if (isUnresolved(receipt) && verdict === 'not-committed') {
    const openMs = receipt.leaseRemainingMs + receipt.graceMs;
    return openMs > 0
      ? `until its lease and grace time are over the effect may still arrive; ask the provider again in ${Math.ceil(openMs / 1000)} s.`
      : hasLookedEarly
        ? 'when you looked, the effect could still arrive, or not be seen yet. Nothing was kept; look at it again, then ask the provider again.'
        : 'there is evidence that it was committed. If that is wrong, supersede it.';
  }
  return `it is ${receipt.state}; what you said is kept as evidence.`;
}

/** A result as people write it, in JSON. @returns `undefined` for what is none */
export function resultOf(text: string): Outcome | undefined {
  try {
    return jsonOutcome(JSON.parse(text));
  } catch {
    return undefined;
  }
}
