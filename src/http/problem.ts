/** Refusals as `application/problem+json` (RFC 9457), after the IETF draft of the header `Idempotency-Key`. */
import { ActivityGuardError, type GuardErrorCode } from '../core';

/** Why a request was not done, for programs (`type`, `status`) and for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: 400 | 401 | 404 | 409 | 410 | 413 | 415 | 422 | 500 | 503;
  readonly detail: string;
  /** Ask again after this many milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** An answer of the guard itself, before it is given in the framework's own way. */
export interface PlainResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

type Fixed = Omit<Problem, 'detail' | 'retryAfterMs'>;

const typeOf = (name: string): string => `urn:activity-guard:problem:${name}`;
const fixed = (status: Problem['status'], name: string, title: string): Fixed => ({
  ...{ type: typeOf(name), title, status },
});

/** All that can be refused. The types are what programs branch on: they stay. */
export const problems = {
  missingKey: fixed(400, 'missing-key', 'The request names no intent'),
  invalid: fixed(400, 'invalid-request', 'The request cannot be understood'),
  unauthorized: fixed(401, 'unauthorized', 'No valid API key'),
  notFound: fixed(404, 'not-found', 'There is no such thing'),
  inFlight: fixed(409, 'in-flight', 'The same request is being worked on'),
  unknown: fixed(409, 'outcome-unknown', 'Nobody knows whether this happened'),
  conflict: fixed(409, 'conflict', 'This is not open any more'),
  unavailable: fixed(409, 'answer-not-kept', 'This happened, and its answer is not kept'),
  refused: fixed(409, 'refused', 'This was finally refused'),
  pruned: fixed(410, 'receipt-pruned', 'This was settled long ago'),
  tooLarge: fixed(413, 'body-too-large', 'The body is too large'),
  unread: fixed(415, 'unreadable-body', 'The body cannot be read here'),
  reused: fixed(422, 'key-reused', 'The key belongs to another request'),
  failed: fixed(500, 'internal-error', 'Something is wrong here'),
  away: fixed(503, 'store-away', 'The receipts cannot be reached'),
} as const satisfies Record<string, Fixed>;

/** What is told to the outside: never the error's own message, which names ids and how to look after receipts. */
const problemsOfCodes: Readonly<Record<GuardErrorCode, readonly [Fixed, string]>> = {
  OutcomeUnknown: [
    problems.unknown,
    'An earlier request with this key may or may not have had its effect. Nothing was done now, and nothing will be until that is known.',
  ],
  InFlight: [problems.inFlight, 'Try again later with the same key: you will get its answer.'],
  LeaseLost: [problems.inFlight, 'Nothing was done. Try again later with the same key.'],
  RequestIdReused: [
    problems.reused,
    'This key was used for another request. Nothing was done: give this one a key of its own.',
  ],
  ReceiptPruned: [
    problems.pruned,
    'What became of this key is no longer kept. Nothing was done: a new intent needs a new key.',
  ],
  ResultUnavailable: [problems.unavailable, 'It was not done again.'],
  ReceiptStoreUnavailable: [problems.away, 'Nothing was done. Try again later with the same key.'],
  NotCommitted: [problems.away, 'This surely did not happen. Try again later with the same key.'],
  InvalidRequest: [problems.invalid, 'The key or the body cannot be used. Nothing was done.'],
  GuardNotInstalled: [problems.failed, 'Nothing was done.'],
  Rejected: [problems.refused, 'It was refused, or has been undone. Asking again gives the same answer.'],
};

/** After so long a database may be back. */
const awayMs = 5000;

/** What is told of an error of the guard; any other error is thrown on. */
export function problemOf(error: unknown): Problem {
  if (!(error instanceof ActivityGuardError)) throw error;
  const { code, retryable, retryAfterMs = code === 'ReceiptStoreUnavailable' ? awayMs : undefined } = error;
  const [what, detail] = problemsOfCodes[code];
  // What is stored cannot be read now, and can be later.
  const status = code === 'ResultUnavailable' && retryable ? 503 : what.status;
  return { ...what, status, detail, retryAfterMs };
}

/** Whole seconds, at least one. */
const secondsOf = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)));

/** The answer that tells a problem; `more` are members of its own. */
export function problemResponse(
  { retryAfterMs, ...problem }: Problem,
  more: Readonly<Record<string, unknown>> = {},
): PlainResponse {
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(retryAfterMs === undefined ? {} : { 'retry-after': secondsOf(retryAfterMs) }),
      // The rest of the body may still be on its way: no other request must come behind it.
      ...(problem.status === problems.tooLarge.status ? { connection: 'close' } : {}),
    },
    body: new TextEncoder().encode(JSON.stringify({ ...problem, ...more })),
  };
}
