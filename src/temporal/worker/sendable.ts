/** Failures that the worker can certainly encode. */
import { CompleteAsyncError, type Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, ensureApplicationFailure } from '@temporalio/common';

import { tryAgain } from '../../core';
import { systemClock } from '../../system-clock';
import { convertFailure, encodeConverted, ownerIn } from '../outcomes/convert';
import { converterOf } from './converter';

/** Longer than all tries of {@link tryAgain}. */
const longestTryMs = 5000;

/**
 * The failure itself, or, where its details or causes cannot be encoded now, a retryable one without them: on a
 * failure that it cannot encode the SDK (1.24) ends the whole worker. The next attempt finds the same outcome in
 * the receipt.
 */
export async function sendable(context: Context, error: unknown): Promise<unknown> {
  if (error instanceof CompleteAsyncError) return error;
  const failure = error instanceof CancelledFailure ? error : ensureApplicationFailure(error);
  const converter = converterOf(context);
  const owner = ownerIn(context.info.namespace);
  try {
    const converted = convertFailure(converter, failure, owner);
    if (converter.payloadCodecs.length > 0) {
      const until = systemClock.monotonic() + longestTryMs;
      await tryAgain(systemClock, until, () => encodeConverted(converter, converted, owner));
    }
    return error;
  } catch {
    return withoutDetails(failure);
  }
}

function withoutDetails(failure: CancelledFailure | ApplicationFailure): Error {
  if (failure instanceof CancelledFailure) return new CancelledFailure(failure.message);
  const { type } = failure;
  const delay: unknown = failure.nextRetryDelay;
  return ApplicationFailure.create({
    message: `${failure.message} (The details and causes of this failure could not be encoded.)`,
    ...(type ? { type } : {}),
    ...(typeof delay === 'number' ? { nextRetryDelay: delay } : {}),
  });
}
