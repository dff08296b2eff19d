import { ApplicationFailure } from '@temporalio/activity';
import { RejectedError } from 'activity-guard';
import type { Guarding } from '../../activities';

type Fn = (...args: never[]) => Promise<unknown>;

/**
 * What stands in for `activity-guard/activity` in the unguarded run: the functions as they are, no
 * request id, and a refusal thrown as Temporal's users throw one.
 */
export const unguarded: Guarding = {
  guarded: ((_options: unknown, fn: Fn): Fn =>
    async (...args) => {
      try {
        return await fn(...args);
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        throw ApplicationFailure.nonRetryable(error.message, error.type);
      }
    }) as unknown as Guarding['guarded'],
  requestId: () => undefined,
};
