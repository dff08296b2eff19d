/** Reading the guard's failures in a workflow. */
import { ApplicationFailure } from '@temporalio/workflow';

import { rejectedMark } from '../header';

const mostCauses = 20;

function* causesOf(error: unknown): Generator<unknown> {
  for (let i = 0; i < mostCauses && error instanceof Error; i++, error = error.cause) yield error;
}

const failureOf = (error: unknown, type: string): ApplicationFailure | undefined => {
  for (const cause of causesOf(error))
    if (cause instanceof ApplicationFailure && cause.type === type) return cause;
  return undefined;
};

/** Whether nobody knows if the activity's effect happened. Do not compensate and do not call it under a new id. */
export const isOutcomeUnknown = (error: unknown): boolean => failureOf(error, 'OutcomeUnknown') !== undefined;

/** The request id that a failure of the guard is about, where it says so. */
export function requestIdOf(error: unknown): string | undefined {
  for (const cause of causesOf(error)) {
    const detail: unknown = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
    if (cause instanceof ApplicationFailure && cause.type === rejectedMark && typeof detail === 'string')
      return detail;
    const { requestId } = (typeof detail === 'object' && detail !== null ? detail : {}) as {
      requestId?: unknown;
    };
    if (typeof requestId === 'string') return requestId;
  }
  return undefined;
}

/** @internal Whether the provider finally refused the very intent `id`; only the guard itself can say so. */
export const isRejectionOf = (error: unknown, id: string): boolean =>
  String(failureOf(error, rejectedMark)?.details?.[0]).normalize('NFC') === id.normalize('NFC');
