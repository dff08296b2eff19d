/** Completing guarded activities from elsewhere. */
import { ActivityNotFoundError, type AsyncCompletionClient, type FullActivityId } from '@temporalio/client';

import {
  ActivityGuardError,
  classifyError,
  InvalidRequestError,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
  type Classify,
  type Outcome,
  type Receipt,
  type ReceiptStore,
} from '../../core';
import { hashOfWrittenId, receiptKey, withoutGeneration } from '../../ids';
import { temporalCodec } from '../outcomes/codec';
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

/** What became of a completion. */
export interface CompletionAnswer {
  /** The state of the receipt now; `'late'` if it belongs to another claim: then what was said is kept as evidence. */
  readonly receipt: Receipt['state'] | 'late';
  /** Whether Temporal still waited for this attempt. If not, the next attempt gets the outcome from the receipt. */
  readonly reported: boolean;
}

/**
 * Completes guarded activities that threw `CompleteAsyncError`: settles the receipt first and then tells Temporal, so
 * that no retry can run the effect again. Use it in place of `client.activity`. Hand the request id (`requestId()` in
 * the activity) to whoever completes, along with the task token, after `await currentClaim().delegate()`. Every method may be called again: what was settled
 * stays, and Temporal is told once more.
 *
 * All methods throw `InvalidRequestError` where no receipt has that id, and `ReceiptStoreUnavailableError` when the
 * receipts cannot be reached; in both cases Temporal was not told, and calling again is safe.
 */
export class GuardedCompletion {
  constructor(private readonly options: GuardedCompletionOptions) {}

  /** The effect happened, with this result. Temporal gets the stored result, should another have been settled before. */
  async complete(requestId: string, activity: CompletedActivity, result: unknown): Promise<CompletionAnswer> {
    const outcome = await this.codec.encodeResult(result);
    return this.settle(requestId, activity, 'committed', outcome);
  }

  /**
   * The effect failed: finally for a `RejectedError`, without having happened for a `NotCommittedError` (and what
   * `classify` takes for one of them). After any other error nobody knows, and the policy of the activity governs.
   */
  async fail(requestId: string, activity: CompletedActivity, error: unknown): Promise<CompletionAnswer> {
    const meaning = classifyError(error, this.options.classify);
    if (meaning === 'rejected') {
      return this.settle(requestId, activity, 'rejected', await this.codec.encodeFailure(error));
    }
    const { receipts } = this.options;
    const claim = await this.find(requestId);
    const happenedNot = meaning === 'not-committed';
    await reach(requestId, () => (happenedNot ? receipts.release(claim) : receipts.markUnknown(claim)));
    return this.report(requestId, activity, await this.find(requestId), error);
  }

  /** The effect was cancelled, so that nobody knows whether it happened. */
  async reportCancellation(
    requestId: string,
    activity: CompletedActivity,
    details?: unknown,
  ): Promise<CompletionAnswer> {
    const { receipts } = this.options;
    const claim = await this.find(requestId);
    await reach(requestId, () => receipts.markUnknown(claim));
    const { state } = await this.find(requestId);
    const reported = await tell(() => this.client.reportCancellation(activity as Uint8Array, details));
    return { receipt: state, reported };
  }

  private get client(): AsyncCompletionClient {
    return this.options.activity;
  }

  private get codec() {
    return temporalCodec(this.client.options.loadedDataConverter);
  }

  /** Settles as the holder would: with the token of the claim that handed the effect over. */
  private async settle(
    requestId: string,
    activity: CompletedActivity,
    state: 'committed' | 'rejected',
    outcome: Outcome,
  ): Promise<CompletionAnswer> {
    const { key, token, epoch } = await this.find(requestId);
    const settlement = { key, token, epoch, state, outcome };
    const answer = await reach(requestId, () => this.options.receipts.settle(settlement));
    const now = await this.find(requestId);
    const { reported } = await this.report(requestId, activity, now);
    return { receipt: answer === 'late' ? 'late' : now.state, reported };
  }

  /** Tells Temporal what stands in the receipt, not what was said. */
  private async report(
    requestId: string,
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

  private async find(requestId: string): Promise<Receipt> {
    const { receipts } = this.options;
    const key = receiptKey(receipts.namespace, hashOfWrittenId(requestId));
    const found = await reach(requestId, () => receipts.get(key));
    if (found) return found.receipt;
    throw new InvalidRequestError(
      `No receipt has request id ${requestId} in namespace ${receipts.namespace}. Give what requestId() said in the activity.`,
      { requestId },
    );
  }
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

/** Whether Temporal still waited for it. */
async function tell(report: () => Promise<void>): Promise<boolean> {
  try {
    await report();
    return true;
  } catch (error) {
    if (error instanceof ActivityNotFoundError) return false;
    throw error;
  }
}

async function reach<T>(requestId: string, step: () => Promise<T>): Promise<T> {
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
