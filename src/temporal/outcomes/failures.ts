/** The guard's errors as Temporal failures. */
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';

import { ActivityGuardError, NotCommittedError, OutcomeUnknownError, RejectedError } from '../../core';
import type { AskDetail, UnresolvedAttribute } from '../decisions';
import { rejectedMark } from '../header';

/**
 * A guard error as an `ApplicationFailure` whose type is the code; anything else as it is.
 * @param attribute shows, on the workflow, that it waits for a decision
 */
export function toFailure(error: unknown, cancelled: boolean, attribute?: UnresolvedAttribute): unknown {
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
    details: [{ requestId: error.requestId, ...askOf(error, attribute) }],
    ...causeOf(error.cause),
    ...(error.retryable && error.retryAfterMs !== undefined
      ? { nextRetryDelay: Math.ceil(error.retryAfterMs) }
      : {}),
  });
}

/** What makes the workflow wait. */
function askOf(error: ActivityGuardError, attribute: UnresolvedAttribute | undefined): { ask?: AskDetail } {
  if (!isAsking(error)) return {};
  return { ask: { epoch: error.ask.epoch, ...(attribute && { attribute }) } };
}

/** Whether the workflow is to wait for a decision. */
export const isAsking = (error: unknown): error is OutcomeUnknownError & { readonly ask: AskDetail } =>
  error instanceof OutcomeUnknownError && error.ask !== undefined;

/** Nothing happened, but who wrote the effect said that trying again is of no use. */
const isFinalForUser = (error: ActivityGuardError): boolean =>
  error instanceof NotCommittedError &&
  error.cause instanceof ApplicationFailure &&
  error.cause.nonRetryable === true;

/** Causes may go round in circles. */
const mostCauses = 20;

/** A thrown error as the failure that is stored and seen by the workflow, with its type, message and details. */
export function asApplicationFailure(error: unknown, depth = 0): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const { message, name, cause, stack } = error instanceof Error ? error : new Error(String(error));
  const { type, details } = error instanceof RejectedError ? error : { type: undefined, details: undefined };
  const failure = ApplicationFailure.create({
    message,
    type: type ?? (error instanceof ActivityGuardError ? error.code : name),
    details: [...(details ?? [])],
    ...causeOf(cause, depth),
  });
  if (stack !== undefined) failure.stack = stack;
  return failure;
}

/** A cause as the workflow can tell it: left to itself, the SDK drops the type of any but its own errors. */
function causeOf(cause: unknown, depth = 0): { cause?: Error } {
  if (!(cause instanceof Error) || depth >= mostCauses) return {};
  return { cause: cause instanceof TemporalFailure ? cause : asApplicationFailure(cause, depth + 1) };
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
