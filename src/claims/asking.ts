/** Asking the receipts of a claim again after a lost answer: every step is idempotent by its token. */
import { setTimeout as delay } from 'node:timers/promises';

import {
  ActivityGuardError,
  inTime,
  isFinal,
  longestAnswerMs,
  ReceiptStoreUnavailableError,
  type ClaimRequest,
  type ReceiptStore,
} from '../core';
import { systemClock } from '../system-clock';

const waitsMs = [100, 500];

/** @throws ReceiptStoreUnavailableError where they do not answer */
export async function asking<T>(requestId: string, step: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await inTime(systemClock, longestAnswerMs, step(), () => overdue(requestId));
    } catch (error) {
      const waitMs = waitsMs[tries];
      if (error instanceof ActivityGuardError && error.code !== 'ReceiptStoreUnavailable') throw error;
      if (isFinal(error) || waitMs === undefined) throw unavailable(requestId, error);
      await delay(waitMs);
    }
  }
}

/** The same for a step that makes a claim: it is given back where its answer never came, for nobody would use it. */
export async function claiming<T>(
  receipts: ReceiptStore,
  claim: ClaimRequest,
  step: () => Promise<T>,
): Promise<T> {
  try {
    return await asking(claim.requestId, step);
  } catch (error) {
    void giveBack(receipts, claim); // not awaited: they may be away for long
    throw error;
  }
}

/** The claim may still be under way, so that its release overtakes it: asked again until the lease is over. */
async function giveBack(receipts: ReceiptStore, claim: ClaimRequest): Promise<void> {
  for (let waitMs = 1000, overMs = claim.leaseMs; overMs > 0; overMs -= waitMs, waitMs *= 2) {
    if (await receipts.release(claim).catch(() => false)) return;
    await delay(waitMs, undefined, { ref: false });
  }
}

const overdue = (requestId: string): ReceiptStoreUnavailableError =>
  new ReceiptStoreUnavailableError(
    `The receipts did not answer within ${longestAnswerMs} ms. Check the database, then try again.`,
    { requestId },
  );

const unavailable = (requestId: string, cause: unknown): ActivityGuardError =>
  cause instanceof ActivityGuardError
    ? cause
    : new ReceiptStoreUnavailableError(
        `The receipts cannot be reached, so nothing may be done for request id ${requestId}. Check the database, then try again.`,
        { requestId, cause },
      );
