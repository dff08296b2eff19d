/** Outcomes of effects that were run elsewhere: JSON, as a guard in Node writes it, too. */
import {
  compensated,
  InvalidRequestError,
  jsonFormat,
  jsonOutcome,
  RejectedError,
  type Outcome,
  type Receipt,
} from '../core';
import { storedOutcomes } from '../guard';

/** What became of an effect that is settled. */
export type Settled =
  | {
      readonly state: 'committed';
      readonly result?: unknown;
      /** It happened, but its result was never kept, or is kept in a form that only a worker of Temporal or Node reads. */
      readonly resultUnavailable?: true;
    }
  | {
      readonly state: 'rejected';
      readonly error: { readonly name: string; readonly message: string };
    };

/** A result that came as JSON; nothing is null. */
export function resultOutcome(result: unknown, requestId: string): Outcome {
  const outcome = jsonOutcome(result ?? null);
  if (outcome) return outcome;
  throw new InvalidRequestError('settle: the result is not JSON, or nested too deep. Nothing was written.', {
    requestId,
  });
}

/** The provider's no. */
export function rejection(why: unknown, requestId: string): Outcome | Promise<Outcome> {
  const { bytes } = resultOutcome(why ?? 'The provider said no.', requestId);
  const message = typeof why === 'string' && why !== '' ? why : new TextDecoder().decode(bytes);
  return storedOutcomes.encodeFailure(new RejectedError(message));
}

/** What later callers are told. A result of another form than JSON would not be the same any more. */
export function settledOf({ state, action, outcome }: Receipt): Settled {
  if (state === 'rejected') return { state, error: failureOf(action, outcome) };
  if (outcome?.format !== jsonFormat) return { state: 'committed', resultUnavailable: true };
  return { state: 'committed', result: storedOutcomes.decodeResult(outcome) };
}

function failureOf(action: string, outcome: Outcome | undefined): { name: string; message: string } {
  if (outcome?.format === compensated.format)
    return { name: 'Compensated', message: `${action} happened and has been undone` };
  try {
    const error: unknown = outcome && storedOutcomes.decodeFailure(outcome);
    if (error instanceof Error) return { name: error.name, message: error.message };
  } catch {
    // Written by a worker of Temporal, in its own encoding.
  }
  return { name: 'Rejected', message: 'the reason is kept where only a Temporal worker reads it' };
}
