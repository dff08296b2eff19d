/** The guard's errors as Temporal failures. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';

import { ActivityGuardError, NotCommittedError, OutcomeUnknownError, RejectedError } from '../../core';
import { rejectedMark } from '../header';

/** A guard error as an `ApplicationFailure` whose type is the code; anything else as it is. */
export function toFailure(error: unknown, cancelled: boolean): unknown {
  if (!(error instanceof ActivityGuardError)) return error;
  // Who asked for the cancellation waits for it to be reported; that the outcome is unknown stands in the receipt.
  if (cancelled && (error.retryable || error instanceof OutcomeUnknownError)) {
    return error.cause instanceof CancelledFailure
      ? error.cause
      : new CancelledFailure(`Cancelled while ${error.code}`, [], error);
  }
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: !error.retryable || isFinalForUser(error),
    details: [{ requestId: error.requestId }],
    ...(error.cause instanceof Error ? { cause: error.cause } : {}),
    ...(error.retryable && error.retryAfterMs !== undefined
      ? { nextRetryDelay: Math.ceil(error.retryAfterMs) }
      : {}),
  });
}

/** Nothing happened, but who wrote the effect said that trying again is of no use. */
const isFinalForUser = (error: ActivityGuardError): boolean =>
  error instanceof NotCommittedError &&
  error.cause instanceof ApplicationFailure &&
  error.cause.nonRetryable === true;

/** A thrown error as the failure that is stored and seen by the workflow, with its type, message and details. */
export function asApplicationFailure(error: unknown): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const { message, name, cause } = error instanceof Error ? error : new Error(String(error));
  const { type, details } = error instanceof RejectedError ? error : { type: undefined, details: undefined };
  return ApplicationFailure.create({
    message,
    type: type ?? (error instanceof ActivityGuardError ? error.code : name),
    details: [...(details ?? [])],
    ...(cause instanceof Error ? { cause } : {}),
  });
}

/**
 * A rejection as the workflow gets it, the first time and on every replay: non-retryable, and with a mark as its
 * cause by which the workflow knows that this very intent is settled.
 */
export function rejectionFailure(error: unknown, requestId: string): ApplicationFailure {
  const { message, type, details, cause } = asApplicationFailure(error);
  const mark = ApplicationFailure.create({
    message: `The provider refused request id ${requestId}; this is its stored outcome.`,
    type: rejectedMark,
    nonRetryable: true,
    details: [requestId],
    ...(cause ? { cause } : {}),
  });
  return ApplicationFailure.create({
    message,
    ...(type ? { type } : {}),
    nonRetryable: true,
    details: [...(details ?? [])],
    cause: mark,
  });
}
