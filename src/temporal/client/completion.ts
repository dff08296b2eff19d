/** Completing guarded activities from elsewhere. */
import { randomUUID } from 'node:crypto';

import { ActivityNotFoundError, type AsyncCompletionClient, type FullActivityId } from '@temporalio/client';

import {
  ActivityGuardError,
  classifyError,
  InFlightError,
  InvalidRequestError,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
  type Classify,
  type Outcome,
  type OutcomeCodec,
  type Receipt,
  type ReceiptStore,
} from '../../core';
import { keyOfWrittenId, withoutGeneration, writtenIdProblem } from '../../ids';
import { temporalCodec } from '../outcomes/codec';
import { ownerIn } from '../outcomes/convert';
import { rejectionFailure, toFailure } from '../outcomes/failures';

/** The activity to complete: its task token, or its ids. */
export type CompletedActivity = Uint8Array | FullActivityId;

/** What a completion works with. */
export interface GuardedCompletionOptions {
  /** `client.activity` of a client with the worker's data converter. */
  readonly activity: AsyncCompletionClient;
  /** The receipts of the worker. */
  readonly receipts: ReceiptStore;
  /** What an error given to `fail` means; `undefined` leaves the outcome unknown. */
  readonly classify?: Classify;
}

/** The claim that was handed over: `currentClaim()` in the activity has both. */
export interface CompletedClaim {
  readonly requestId: string;
  /** Which of the claims on that id: what comes late must not speak for a later one. */
  readonly epoch: number;
}

/** What became of a completion. */
export interface CompletionAnswer {
  /** The state of the receipt now; `'late'` if the id has another claim since: then what was said is kept as evidence. */
  readonly receipt: Receipt['state'] | 'late';
  /** Whether Temporal still waited for this attempt. If not, the next attempt gets the outcome from the receipt. */
  readonly reported: boolean;
}

/**
 * Completes guarded activities that threw `CompleteAsyncError`: settles the receipt first and then tells Temporal, so
 * that no retry can run the effect again. Use it in place of `client.activity`. In the activity, call `await
 * currentClaim().delegate()` and then hand request id, epoch and task token to whoever completes. Every method may be
 * called again: what was settled stays, and Temporal is told once more.
 *
 * All methods throw `InvalidRequestError` for what names no claim, and where no receipt has that id, and
 * `ReceiptStoreUnavailableError` when the receipts cannot be reached; Temporal was not told then, and calling again is safe.
 */
export class GuardedCompletion {
  constructor(private readonly options: GuardedCompletionOptions) {}

  /**
   * The effect happened, with this result. Temporal gets the stored result, should another have been settled before.
   * @throws InvalidRequestError for a result that the data converter cannot convert; nothing was settled then
   */
  async complete(
    claim: CompletedClaim,
    activity: CompletedActivity,
    result: unknown,
  ): Promise<CompletionAnswer> {
    checkClaim(claim);
    return this.settle(claim, activity, 'committed', encoded(await this.codec.encodeResult(result)));
  }

  /**
   * The effect failed: finally for a `RejectedError`, without having happened for a `NotCommittedError` (and what
   * `classify` takes for one of them). After any other error nobody knows, and the policy of the activity governs.
   * @throws InFlightError while the activity has not yet handed over; calling again is safe
   */
  async fail(claim: CompletedClaim, activity: CompletedActivity, error: unknown): Promise<CompletionAnswer> {
    checkClaim(claim);
    const meaning = classifyError(error, this.options.classify);
    if (meaning === 'rejected') {
      return this.settle(claim, activity, 'rejected', encoded(await this.codec.encodeFailure(error)));
    }
    const found = await this.giveUp(claim, meaning === 'not-committed');
    return found === 'late' ? late : this.report(claim, activity, found, error);
  }

  /**
   * The effect was cancelled, so that nobody knows whether it happened; unless the receipt knows better.
   * @throws InFlightError while the activity has not yet handed over; calling again is safe
   */
  async reportCancellation(
    claim: CompletedClaim,
    activity: CompletedActivity,
    details?: unknown,
  ): Promise<CompletionAnswer> {
    checkClaim(claim);
    const found = await this.giveUp(claim, false);
    if (found === 'late') return late;
    if (found.outcome) return this.report(claim, activity, found);
    const reported = await tell(() => this.client.reportCancellation(activity as Uint8Array, details));
    return { receipt: found.state, reported };
  }

  private get client(): AsyncCompletionClient {
    return this.options.activity;
  }

  private get codec(): OutcomeCodec {
    const { loadedDataConverter, namespace } = this.client.options;
    return temporalCodec({
      converter: loadedDataConverter,
      owner: ownerIn(namespace),
      excessOf: async () => undefined, // the server says so when it is told
    });
  }

  /** Settles as the holder would: with the token of the claim that handed the effect over. */
  private async settle(
    claim: CompletedClaim,
    activity: CompletedActivity,
    state: 'committed' | 'rejected',
    outcome: Outcome,
  ): Promise<CompletionAnswer> {
    const { key, token, epoch } = await this.find(claim);
    // Under a token that nobody has it is kept as evidence.
    const settlement = { key, token: epoch === claim.epoch ? token : randomUUID(), epoch: claim.epoch };
    const answer = await reach(claim, () => this.options.receipts.settle({ ...settlement, state, outcome }));
    const now = await this.find(claim);
    if (answer === 'late' && !now.outcome) return late;
    const { reported } = await this.report(claim, activity, now);
    return { receipt: answer === 'late' ? 'late' : now.state, reported };
  }

  /** Ends a claim without an outcome and returns the row as it is then. */
  private async giveUp(claim: CompletedClaim, isKnown: boolean): Promise<Receipt | 'late'> {
    const { receipts } = this.options;
    const found = await this.find(claim);
    const { key, epoch, state, requestId } = found;
    if (epoch !== claim.epoch) {
      const verdict = isKnown ? 'not-committed' : 'undetermined';
      await reach(claim, () =>
        receipts.addEvidence({ key, epoch: claim.epoch, source: 'completion', verdict }),
      );
      return 'late';
    }
    if (state === 'claimed') {
      throw new InFlightError(
        `The activity of request id ${requestId} has not yet handed over, so its claim cannot be given up. Complete again later.`,
        { requestId, retryAfterMs: 1000 },
      );
    }
    if (state !== 'delegated') return found;
    await reach(claim, () => (isKnown ? receipts.release(found) : receipts.markUnknown(found)));
    return this.find(claim);
  }

  /** Tells Temporal what stands in the receipt, not what was said. */
  private async report(
    { requestId }: CompletedClaim,
    activity: CompletedActivity,
    { state, outcome }: Receipt,
    cause?: unknown,
  ): Promise<CompletionAnswer> {
    const target = activity as Uint8Array; // the overloads take either
    const fail = async (error: unknown): Promise<void> => this.client.fail(target, error);
    const report = async (): Promise<void> => {
      if (state === 'committed' && outcome)
        return this.client.complete(target, await this.codec.decodeResult(outcome));
      if (state === 'rejected' && outcome) {
        const error = await this.codec.decodeFailure(outcome);
        return fail(rejectionFailure(error, withoutGeneration(requestId)));
      }
      if (state === 'released') return fail(toFailure(notCommitted(requestId, cause), false));
      return fail(toFailure(unknown(requestId, cause), false));
    };
    return { receipt: state, reported: await tell(report) };
  }

  private async find({ requestId }: Pick<CompletedClaim, 'requestId'>): Promise<Receipt> {
    const { receipts } = this.options;
    const key = keyOfWrittenId(receipts.namespace, requestId);
    const found = await reach({ requestId }, () => receipts.get(key));
    if (found) return found.receipt;
    throw new InvalidRequestError(
      `No receipt has request id ${requestId} in namespace ${receipts.namespace}. Give what requestId() said in the activity.`,
      { requestId },
    );
  }
}

/** What names no claim would be kept as a word on another one. */
function checkClaim(claim: CompletedClaim): void {
  const { requestId, epoch } = Object(claim) as CompletedClaim;
  const problem =
    writtenIdProblem(requestId) ??
    (Number.isInteger(epoch) && epoch >= 1 ? undefined : 'epoch is not that of a claim');
  if (problem === undefined) return;
  throw new InvalidRequestError(
    `GuardedCompletion: ${problem}. Give both as currentClaim() had them in the activity. Nothing was settled or reported.`,
  );
}

const late: CompletionAnswer = { receipt: 'late', reported: false };

/** What cannot be converted is refused before anything is settled: the caller can give something else. */
function encoded({ problem, ...outcome }: Outcome & { readonly problem?: unknown }): Outcome {
  if (problem === undefined) return outcome;
  throw new InvalidRequestError('The outcome cannot be encoded, so nothing was settled or reported.', {
    cause: problem,
  });
}

const notCommitted = (requestId: string, cause: unknown): NotCommittedError =>
  new NotCommittedError(cause instanceof Error ? cause.message : 'The effect did not happen.', {
    requestId,
    cause,
  });

const unknown = (requestId: string, cause: unknown): OutcomeUnknownError =>
  new OutcomeUnknownError(
    `The completion of request id ${requestId} does not say whether its effect happened; nothing is run again until that is resolved.`,
    { requestId, cause },
  );

async function tell(report: () => Promise<void>): Promise<boolean> {
  try {
    await report();
    return true;
  } catch (error) {
    if (error instanceof ActivityNotFoundError) return false;
    throw error;
  }
}

async function reach<T>(
  { requestId }: Pick<CompletedClaim, 'requestId'>,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    if (cause instanceof ActivityGuardError) throw cause;
    throw new ReceiptStoreUnavailableError(
      `The receipts cannot be reached, so the completion of request id ${requestId} was not reported. Check the database, then complete again.`,
      { requestId, cause },
    );
  }
}
