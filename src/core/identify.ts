/** What users say of an intent, checked before anything happens. */
import {
  CanonicalError,
  fingerprintOf,
  fingerprintProblem,
  hashRequestId,
  requestIdProblem,
  type IdentifiedRequest,
} from '../ids';
import { InvalidRequestError, readable } from './errors';

/** Whole UTF-16, without what Postgres cannot keep. */
export const isWholeText = (value: unknown): value is string =>
  typeof value === 'string' && !/\0|\p{Surrogate}/u.test(value);

/** As receipts are written down whose id is known by its hash alone: looked up, it would be taken for that. */
const hashForm = /^sha256:[0-9a-f]{64}$/;

/**
 * A request id that was given.
 * @throws InvalidRequestError saying what is wrong with it, never quoting it
 */
export function checkedId(requestId: string, whose: string): IdentifiedRequest {
  const problem =
    requestIdProblem(requestId) ??
    (hashForm.test(requestId)
      ? 'the request id has the form of a hash (sha256:…), which is not for ids'
      : undefined);
  if (problem !== undefined) throw new InvalidRequestError(`${whose}: ${problem}. Nothing was run.`);
  const normal = requestId.normalize('NFC');
  return { requestId: normal, requestIdHash: hashRequestId(normal) };
}

/** So long an action may be. */
export const mostActionCharacters = 200;

/**
 * What is done.
 * @throws InvalidRequestError saying how it is named
 */
export function checkedAction(action: unknown): string {
  if (isWholeText(action) && action !== '' && action.length <= mostActionCharacters) return action;
  throw new InvalidRequestError(
    `action names what is done, such as 'send_email': a text of 1 to ${mostActionCharacters} characters, without NUL and lone surrogates. Nothing was run.`,
  );
}

/** The generation that was asked for. */
export function checkedGeneration(generation: unknown): number {
  if (typeof generation === 'number' && Number.isInteger(generation) && generation >= 1) return generation;
  throw new InvalidRequestError(`generation must be a whole number from 1. Nothing was run.`);
}

/** What a user's own `fingerprint` gave. */
export function checkedContent(action: string, value: unknown): unknown {
  let problem: string | undefined = 'the fingerprint cannot be read';
  readable(() => (problem = fingerprintProblem(value)));
  if (problem === undefined) return value;
  throw new InvalidRequestError(`${action}: ${problem}. Nothing was run.`);
}

/** The fingerprint of what an intent is about. */
export function checkedFingerprint(action: string, content: unknown, requestId: string): string {
  try {
    return fingerprintOf(action, content);
  } catch (cause) {
    // What a getter of theirs throws may quote them.
    const why = cause instanceof CanonicalError ? cause.message : 'they cannot be read';
    throw new InvalidRequestError(`The arguments of ${action} cannot be guarded: ${why}. Nothing was run.`, {
      requestId,
      cause,
    });
  }
}
