/** One guarded request, whatever the framework: from its key to the answer that is kept. */
import {
  checkedContent,
  classifyError,
  NotCommittedError,
  OutcomeUnknownError,
  RejectedError,
  type ErrorClass,
} from '../../core';
import type { Wrapped } from '../../guard';
import { problemOf, problemResponse, problems, type PlainResponse, type Problem } from '../problem';
import { contentOf, hasBody, keyOf, requestIdOf } from './key';
import { settingsOf, type HttpGuardOptions, type InboundRequest, type Settings } from './options';
import { isStoredResponse, replayOf, storedResponse, type Captured, type StoredResponse } from './response';

/** What a handler did: it answered, perhaps because it had thrown. */
export interface Handled {
  readonly response: Captured;
  /** What it threw. */
  readonly thrown?: { readonly error: unknown } | undefined;
}

/** Runs the handler and its framework's own handling of errors. The answer must not go out before the guard says so. */
export type Handle = () => Promise<Handled>;

/** A request that may be handled under its key. */
export interface Admitted {
  readonly request: InboundRequest;
  readonly requestId: string;
  /** Method, path, and what of the request must be the same. */
  readonly fingerprint: readonly [method: string, path: string, content: unknown];
}

/** The handler may run without the guard, or under its key, or the answer is this one. */
export type Admission = 'unguarded' | { readonly admitted: Admitted } | { readonly answer: PlainResponse };

const refusal = (problem: Problem): { readonly answer: PlainResponse } => ({
  answer: problemResponse(problem),
});

/** Time-outs prove nothing, and neither do failures of the server. */
const provesNothing = (status: number): boolean => status >= 500 || status === 408 || status === 425;

type Answering = (
  request: InboundRequest,
  admitted: Admitted,
  handle: Handle,
  ran: Ran,
) => Promise<StoredResponse>;

/** Guards requests by their keys. */
export class RequestGuard {
  readonly settings: Settings;
  private readonly call: Wrapped<Answering>;

  constructor(options: HttpGuardOptions) {
    this.settings = settingsOf(options);
    const { guard, action, terms } = this.settings;
    // `wrap`, so that the handler finds its claim by requestId() and currentClaim().
    this.call = guard.wrap<Answering>(
      {
        ...(terms as object),
        action,
        requestId: (_request, { requestId }) => requestId,
        fingerprint: (_request, { fingerprint: [method, path, content] }) => [
          ...[method, path],
          checkedContent(action, content),
        ],
      },
      (_request, _admitted, handle, ran) => this.settle(handle, ran),
    );
  }

  /** Whether a request of this method is looked at. */
  isGuarded(method: string): boolean {
    return this.settings.isGuarded(method);
  }

  /** Looks at a request before anything happens. */
  admit(request: InboundRequest): Admission {
    const { settings } = this;
    const unread = bodyProblem(request, settings);
    if (unread) return refusal(unread);
    const key = keyOf(request, settings);
    if (key === undefined) {
      if (!settings.required) return 'unguarded';
      const where = typeof settings.key === 'string' ? `the header ${settings.key}` : 'an id';
      return refusal({
        ...problems.missingKey,
        detail: `Send ${where} that names the intent: the same when you try again. Nothing was done.`,
      });
    }
    if (typeof key !== 'string') return refusal(key);
    const { method, path, body } = request;
    const content = settings.fingerprint ? settings.fingerprint(request) : contentOf(body);
    const requestId = requestIdOf(key, request, settings);
    if (typeof requestId !== 'string') return refusal(requestId);
    return { admitted: { request, requestId, fingerprint: [method.toUpperCase(), path, content] } };
  }

  /**
   * Has the request handled, or finds the answer that it had.
   * @returns the answer to give; `undefined`: the handler's own
   */
  async run(admitted: Admitted, handle: Handle): Promise<PlainResponse | undefined> {
    const ran: Ran = { as: undefined };
    try {
      const stored = await this.call(admitted.request, admitted, handle, ran);
      return ran.as ? undefined : replayOf(stored);
    } catch (thrown) {
      if (ran.as && speaksForItself(ran.as, thrown)) return undefined;
      const kept = thrown instanceof RejectedError ? thrown.details?.[0] : undefined;
      return isStoredResponse(kept) ? replayOf(kept) : problemResponse(problemOf(thrown));
    }
  }

  /** What the handler did, as the guard takes it: its answer, or the error that says what it means. */
  private async settle(handle: Handle, ran: Ran): Promise<StoredResponse> {
    const { response, thrown } = await handle();
    const { kept, maxResponseBytes, classify } = this.settings;
    const meaning = thrown ? classifyError(thrown.error, classify) : meaningOf(response.status);
    ran.as = meaning;
    const stored = storedResponse(response, kept, maxResponseBytes);
    switch (meaning) {
      case 'committed':
        return stored;
      case 'rejected':
        throw new RejectedError(`The handler answered with status ${response.status}.`, {
          ...{ type: 'HttpResponse', details: [stored], cause: thrown?.error },
        });
      case 'not-committed':
        throw new NotCommittedError('The handler said that nothing happened.', { cause: thrown?.error });
      case 'unknown':
        throw thrown
          ? (thrown.error as Error)
          : new Error(`The handler answered with status ${response.status}.`);
      default:
        return meaning satisfies never;
    }
  }
}

/** As what the handler's end was taken, once it has run in this call. */
interface Ran {
  as: ErrorClass | 'committed' | undefined;
}

function meaningOf(status: number): ErrorClass | 'committed' {
  if (provesNothing(status)) return 'unknown';
  return status < 400 ? 'committed' : 'rejected';
}

/**
 * Whether the handler's own answer is true of the request. Over an earlier attempt that nobody knows the end of, a "no"
 * is not: it only speaks of this one.
 */
const speaksForItself = (meaning: ErrorClass | 'committed', thrown: unknown): boolean =>
  thrown instanceof RejectedError ||
  thrown instanceof NotCommittedError ||
  (meaning === 'unknown' && thrown instanceof OutcomeUnknownError);

function bodyProblem(request: InboundRequest, { maxBodyBytes }: Settings): Problem | undefined {
  const { body } = request;
  const isStream = typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function';
  if (isStream || (body === undefined && hasBody(request)))
    return {
      ...problems.unread,
      detail:
        'No body parser before the guard takes this content type, so the request cannot be compared with another one. Nothing was done.',
    };
  const size =
    typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : 0;
  return size > maxBodyBytes ? tooLarge(maxBodyBytes) : undefined;
}

/** What is told of a body over the limit. */
export const tooLarge = (mostBytes: number): Problem => ({
  ...problems.tooLarge,
  detail: `${mostBytes} bytes at most. Nothing was done.`,
});

/** The body as JSON, however the framework has read it. */
export function jsonOf(body: unknown): unknown {
  if (typeof body === 'string') return JSON.parse(body) as unknown;
  return body instanceof Uint8Array ? (JSON.parse(new TextDecoder().decode(body)) as unknown) : body;
}
