/** What users say of an intent, checked before anything happens. */
import {
  fingerprintOf,
  fingerprintProblem,
  hashRequestId,
  requestIdProblem,
  type IdentifiedRequest,
} from '../ids';
import { InvalidRequestError } from './errors';

/**
 * A request id that was given.
 * @throws InvalidRequestError saying what is wrong with it, never quoting it
 */
export function checkedId(requestId: string, whose: string): IdentifiedRequest {
  const problem = requestIdProblem(requestId);
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
  if (
    typeof action === 'string' &&
    action !== '' &&
    action.length <= mostActionCharacters &&
    !action.includes('\0')
  )
    return action;
  throw new InvalidRequestError(
    `action names what is done, such as 'send_email': a text of 1 to ${mostActionCharacters} characters. Nothing was run.`,
  );
}

/** The generation that was asked for. */
export function checkedGeneration(generation: unknown): number {
  if (typeof generation === 'number' && Number.isInteger(generation) && generation >= 1) return generation;
  throw new InvalidRequestError(`generation must be a whole number from 1. Nothing was run.`);
}

/** What a user's own `fingerprint` gave. */
export function checkedContent(action: string, value: unknown): unknown {
  const problem = fingerprintProblem(value);
  if (problem === undefined) return value;
  throw new InvalidRequestError(`${action}: ${problem}. Nothing was run.`);
}

/** The fingerprint of what an intent is about. */
export function checkedFingerprint(action: string, content: unknown, requestId: string): string {
  try {
    return fingerprintOf(action, content);
  } catch (cause) {
    throw new InvalidRequestError(
      `The arguments of ${action} cannot be guarded: ${(cause as Error).message}. Nothing was run.`,
      { requestId, cause },
    );
  }
}
