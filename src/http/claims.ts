/**
 * Claiming and settling for effects that run elsewhere: in a client, in any language. The rules are the engine's, but for
 * what only a process that runs the effect itself can do: nothing is renewed here, and nobody waits.
 */
import { randomUUID } from 'node:crypto';

import {
  ActivityGuardError,
  checkedContent,
  checkedFingerprint,
  checkedId,
  decide,
  governingPolicy,
  holdDelayMs,
  InvalidRequestError,
  isFree,
  isUnresolved,
  noResult,
  ReceiptStoreUnavailableError,
  RejectedError,
  weigh,
  type ClaimRequest,
  type HeldClaim,
  type Outcome,
  type Receipt,
  type ReceiptStore,
} from '../core';
import { storedOutcomes } from '../guard/stored';
import {
  canonicalJson,
  generationId,
  hashOfWrittenId,
  receiptKey,
  requestIdProblem,
  withoutGeneration,
} from '../ids';
import { tokenIn, writtenToken } from './token';

/** What a client wants to do. */
export interface ClaimInput {
  readonly requestId: string;
  readonly action: string;
  readonly payload?: unknown;
  /** What makes two payloads the same; the payload unless given. */
  readonly fingerprint?: unknown;
  readonly leaseMs?: number | undefined;
  /** `'retry'`: proceed over an unknown outcome, for a provider that deduplicates by request id. */
  readonly onUnknown?: 'hold' | 'retry' | undefined;
  /** How long the provider keeps its keys: after that `'retry'` holds. */
  readonly providerKeyTtlMs?: number | undefined;
}

/** What became of an effect. */
export interface SettleInput {
  readonly token: string;
  readonly outcome: 'committed' | 'rejected' | 'not-committed';
  readonly result?: unknown;
  /** Of a rejection: why, in words that every later caller gets. */
  readonly error?: string | undefined;
}

/** The end of an effect, as JSON. */
export type End =
  | { readonly outcome: 'committed'; readonly hasResult: boolean; readonly result?: unknown }
  | {
      readonly outcome: 'rejected';
      readonly error: { readonly name: string; readonly message: string; readonly result?: unknown };
    };

/** Why nothing can be done under an id, or with a token. */
export type ConflictReason = 'reused' | 'pruned' | 'late' | 'settled' | 'not-yours';

/** What a client is told; `requestId` is the one to settle, and to hand to the provider. */
export type Reply =
  | {
      readonly answer: 'PROCEED';
      readonly requestId: string;
      readonly token: string;
      readonly epoch: number;
      readonly leaseMs: number;
      /** An earlier attempt may have happened: the provider must know the id. */
      readonly doubt: boolean;
    }
  | ({ readonly answer: 'SKIP'; readonly requestId: string } & End)
  | { readonly answer: 'IN_FLIGHT'; readonly requestId: string; readonly retryAfterMs: number }
  | { readonly answer: 'UNKNOWN'; readonly requestId: string }
  | { readonly answer: 'CONFLICT'; readonly requestId: string; readonly reason: ConflictReason };

/** What is told of a settlement. */
export type SettleReply =
  | {
      readonly answer: 'SETTLED';
      readonly requestId: string;
      readonly state: 'committed' | 'rejected' | 'released';
    }
  | Extract<Reply, { readonly answer: 'UNKNOWN' | 'CONFLICT' }>;

/** What is known of a request id; never its token. */
export type ReceiptView = Partial<End> &
  Pick<Receipt, 'requestId' | 'action' | 'state' | 'epoch' | 'contested' | 'claimedAt'> & {
    readonly settledAt?: string;
  };

const defaultLeaseMs = 60_000;

/** For so long after its lease an effect may still arrive: no "no" counts. */
const graceMs = 10_000;

/** Each look is one step of somebody else. */
const mostLooks = 100;

/** What one look at the row led to; `undefined`: look again. */
type Looked = Reply | 'next-generation' | undefined;

/** Claims and settles in one namespace. */
export class Claims {
  constructor(private readonly store: ReceiptStore) {}

  /**
   * Claims an intent, or says why not. Whoever is not told PROCEED must not do it.
   * @throws InvalidRequestError for what cannot be claimed
   * @throws ReceiptStoreUnavailableError where the receipts cannot be reached: nothing may be done
   */
  async claim(input: ClaimInput): Promise<Reply> {
    const { requestId, action, payload, fingerprint } = input;
    const first = checkedId(requestId, action);
    const content = fingerprint === undefined ? payload : checkedContent(action, fingerprint);
    const print = checkedFingerprint(action, content, first.requestId);
    let identity = first;
    for (let look = 0, generation = 1; look < mostLooks; look++) {
      const looked = await this.look(input, this.requestFor(input, identity, print));
      if (looked === 'next-generation') identity = generationId(first, ++generation);
      else if (looked) return looked;
    }
    return { answer: 'IN_FLIGHT', requestId: identity.requestId, retryAfterMs: holdDelayMs(1) };
  }

  private requestFor(
    { action, leaseMs = defaultLeaseMs, onUnknown = 'hold' }: ClaimInput,
    { requestId, requestIdHash }: { readonly requestId: string; readonly requestIdHash: string },
    fingerprint: string,
  ): ClaimRequest {
    return {
      ...{ key: receiptKey(this.store.namespace, requestIdHash), requestId, action, fingerprint },
      ...{ token: randomUUID(), leaseMs, graceMs, policy: onUnknown, transactional: false },
      origin: { by: 'http' },
    };
  }

  private async look(input: ClaimInput, request: ClaimRequest): Promise<Looked> {
    const receipt = await this.claiming(request, () => this.store.claim(request));
    const { requestId } = receipt;
    const answer = decide(receipt, { ...request, wantsNext: false });
    switch (answer) {
      case 'claimed':
        return proceed(receipt);
      case 'own-claim-lapsed':
        return void (await reaching(() => this.store.release(request)));
      case 'replay':
        return { answer: 'SKIP', requestId, ...endOf(receipt) };
      case 'next-generation':
        return 'next-generation';
      case 'pruned':
        return { answer: 'CONFLICT', requestId, reason: 'pruned' };
      case 'reused':
        return { answer: 'CONFLICT', requestId: request.requestId, reason: 'reused' };
      case 'in-flight':
        return { answer: 'IN_FLIGHT', requestId, retryAfterMs: holdDelayMs(1) };
      case 'released':
        return (await this.takeOver(request, receipt, false)) ?? this.byEvidence(receipt);
      case 'unknown':
        return (await this.byEvidence(receipt)) && this.atUnknown(input, request, receipt);
      default:
        return answer satisfies never;
    }
  }

  /** UNKNOWN, unless the evidence on file settles it, or the row has changed: then `undefined`. */
  private async byEvidence({ key, epoch, requestId }: Receipt): Promise<Reply | undefined> {
    const known = await reaching(() => this.store.get(key));
    const isOpen = known && (isUnresolved(known.receipt) || isFree(known.receipt));
    if (!isOpen || known.receipt.epoch !== epoch) return undefined;
    const weighed = await reaching(() => weigh(this.store, known));
    if (weighed === 'committed' || weighed === 'not-committed') return undefined;
    return { answer: 'UNKNOWN', requestId };
  }

  private async atUnknown(
    { providerKeyTtlMs }: ClaimInput,
    request: ClaimRequest,
    receipt: Receipt,
  ): Promise<Reply | undefined> {
    const unknown = { answer: 'UNKNOWN', requestId: receipt.requestId } as const;
    if (governingPolicy(receipt.policy, request.policy) !== 'retry' || receipt.contested) return unknown;
    // What the provider has forgotten by the end of the lease, it would do again.
    const usableMs = (providerKeyTtlMs ?? Infinity) - receipt.ageMs - graceMs;
    if (usableMs <= 0) return unknown;
    const leaseMs = Math.floor(Math.min(request.leaseMs, usableMs));
    return this.takeOver({ ...request, leaseMs }, receipt, true);
  }

  private async takeOver(
    request: ClaimRequest,
    { epoch }: Receipt,
    fromUnknown: boolean,
  ): Promise<Reply | undefined> {
    const again = { ...request, token: randomUUID(), epoch, fromUnknown };
    const taken = await this.claiming(again, () => this.store.takeOver(again));
    return taken && proceed(taken);
  }

  /** A claim whose answer is lost is given back: nobody has its token. */
  private async claiming<T>(claim: HeldClaim, step: () => Promise<T>): Promise<T> {
    try {
      return await reaching(step);
    } catch (error) {
      void this.withdraw(claim);
      throw error;
    }
  }

  /**
   * Gives back a claim that nobody was told of; should that fail, it becomes unknown with its lease. Asked a few times: the
   * claim may be on its way and arrive after its release.
   */
  async withdraw({ key, token }: HeldClaim): Promise<void> {
    for (let tries = 0, delayMs = 500; tries < 5; tries++, delayMs *= 2) {
      if (await this.store.release({ key, token }).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    }
  }

  /** Gives back a claim whose answer could not be delivered. */
  async undelivered({ requestId, token }: Extract<Reply, { readonly answer: 'PROCEED' }>): Promise<void> {
    const held = tokenIn(token);
    if (held) await this.withdraw({ key: this.keyOf(requestId), token: held.token });
  }

  /**
   * Writes what became of a claim, under its own token; a late one is kept as evidence. Safe to repeat.
   * @returns `undefined` where no receipt has the id
   * @throws InvalidRequestError for what cannot be written
   * @throws ReceiptStoreUnavailableError where it may not be written: say it again
   */
  async settle(requestId: string, input: SettleInput): Promise<SettleReply | undefined> {
    const key = this.keyOf(requestId);
    const held = tokenIn(input.token);
    if (!held) throw new InvalidRequestError('token is none that a claim was answered with.');
    const { token, epoch } = held;
    const outcome = outcomeOf(input);
    const receipt = (await reaching(() => this.store.get(key)))?.receipt;
    if (!receipt) return undefined;
    const id = receipt.requestId;
    // An earlier claim's token is not kept, so that its late word counts; one that cannot be a claim's is no word at all.
    if (epoch > receipt.epoch || (epoch === receipt.epoch && token !== receipt.token))
      return { answer: 'CONFLICT', requestId: id, reason: 'not-yours' };
    if (!outcome) return this.giveBack({ key, token }, receipt, epoch);
    const { state } = outcome;
    const written = await reaching(() =>
      this.store.settle({ key, token, epoch, state, outcome: outcome.stored }),
    );
    if (written === state) return { answer: 'SETTLED', requestId: id, state };
    return written === 'late'
      ? { answer: 'CONFLICT', requestId: id, reason: 'late' }
      : { answer: 'UNKNOWN', requestId: id };
  }

  private async giveBack(claim: HeldClaim, before: Receipt, epoch: number): Promise<SettleReply> {
    const { requestId } = before;
    await reaching(() => this.store.release(claim));
    // The row says what came of it: over an earlier attempt in doubt, that this one did nothing says nothing of that.
    const now = (await reaching(() => this.store.get(claim.key)))?.receipt ?? before;
    if (now.state === 'released' && now.epoch === epoch)
      return { answer: 'SETTLED', requestId, state: 'released' };
    if (isUnresolved(now)) return { answer: 'UNKNOWN', requestId };
    return { answer: 'CONFLICT', requestId, reason: now.epoch === epoch ? 'settled' : 'late' };
  }

  /** What is known of a request id. */
  async find(requestId: string): Promise<ReceiptView | undefined> {
    const receipt = (await reaching(() => this.store.get(this.keyOf(requestId))))?.receipt;
    if (!receipt) return undefined;
    const { action, epoch, contested, claimedAt, settledAt } = receipt;
    const isEnded = receipt.state === 'committed' || receipt.state === 'rejected';
    return {
      ...{ requestId: receipt.requestId, action, epoch, contested, claimedAt },
      state: isUnresolved(receipt) ? 'unknown' : receipt.state,
      ...(settledAt === undefined ? {} : { settledAt }),
      ...(isEnded ? endOf(receipt) : {}),
    };
  }

  private keyOf(requestId: string): string {
    const problem = requestIdProblem(withoutGeneration(requestId));
    if (problem !== undefined) throw new InvalidRequestError(`${problem}.`);
    return receiptKey(this.store.namespace, hashOfWrittenId(requestId));
  }
}

const proceed = ({ requestId, token, epoch, leaseRemainingMs, doubt }: Receipt): Reply => ({
  ...{ answer: 'PROCEED', requestId, token: writtenToken({ token, epoch }), epoch, doubt },
  leaseMs: Math.floor(leaseRemainingMs),
});

/** Every other failure of the store is that it is away: nothing may be done. */
async function reaching<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (cause instanceof ActivityGuardError) throw cause;
    throw new ReceiptStoreUnavailableError('The receipts cannot be reached.', { cause });
  }
}

/** What is stored of a settlement; `undefined` where nothing happened. A Guard reads the same. */
function outcomeOf({
  outcome,
  result,
  error,
}: SettleInput): { readonly state: 'committed' | 'rejected'; readonly stored: Outcome } | undefined {
  if (outcome === 'not-committed') return undefined;
  try {
    canonicalJson(result); // too deep for others to read
  } catch (cause) {
    throw new InvalidRequestError(`The result cannot be kept: ${(cause as Error).message}.`, { cause });
  }
  if (outcome === 'committed')
    return {
      state: outcome,
      stored: { format: 'json', bytes: new TextEncoder().encode(JSON.stringify(result ?? null)) },
    };
  const rejection = new RejectedError(error ?? 'It was refused.', {
    ...(result === undefined ? {} : { details: [result] }),
  });
  return { state: outcome, stored: storedOutcomes.encodeFailure(rejection) as Outcome };
}

function endOf({ state, outcome = noResult }: Receipt): End {
  if (state === 'rejected') return { outcome: 'rejected', error: errorIn(outcome) };
  try {
    const result = storedOutcomes.decodeResult(outcome);
    return { outcome: 'committed', hasResult: true, result: JSON.parse(JSON.stringify(result ?? null)) };
  } catch {
    return { outcome: 'committed', hasResult: false }; // it has none, or only those read it who wrote it
  }
}

function errorIn(outcome: Outcome): Extract<End, { readonly outcome: 'rejected' }>['error'] {
  try {
    const error = storedOutcomes.decodeFailure(outcome) as RejectedError;
    const { name, message, details } = error;
    return { name, message, ...(details?.length ? { result: details[0] } : {}) };
  } catch {
    return { name: 'RejectedError', message: 'It was refused, or has been undone.' };
  }
}
