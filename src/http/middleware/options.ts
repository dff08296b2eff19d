/** How requests are guarded. */
import { InvalidRequestError } from '../../core';
import type { Guard, GuardTerms } from '../../guard';
import type { StoredResponse } from './response';

/** A request as the guard sees it, whatever the framework. */
export interface InboundRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** As the handler finds it: bytes with Hono, what the body parser made of it with Express and Fastify. */
  readonly body: unknown;
  /** A header, by its name in any case. */
  header(name: string): string | undefined;
  /** The body as JSON. */
  json(): unknown;
}

/** How requests are guarded: also the terms of a {@link Guard}, such as `leaseFor` and `onUnknown`. */
export interface HttpGuardOptions
  extends Omit<GuardTerms<readonly [InboundRequest], StoredResponse>, 'transactional'> {
  readonly guard: Guard;
  /**
   * What names the intent: a header (`'Idempotency-Key'` unless given; such as `'X-GitHub-Delivery'`), or where else the
   * delivery id is found, such as `(request) => (request.json() as { id: string }).id`.
   */
  readonly key?: string | ((request: InboundRequest) => string | undefined);
  /** `false`: a request without a key is handled without the guard. Otherwise it is refused. */
  readonly required?: boolean;
  /**
   * Whose keys these are: the caller as you know him from his credentials, or the sender of webhooks. Keys of different
   * scopes never meet. Without it, who guesses another's key and sends the same gets the other's answer. A request for which
   * the function gives no text is refused.
   */
  readonly scope?: string | ((request: InboundRequest) => string);
  /** What is done, such as `create_charge`; `http_request` unless given. */
  readonly action?: string;
  /** What makes two requests under one key the same, besides method and path; the body unless given. */
  readonly fingerprint?: (request: InboundRequest) => unknown;
  /** Which methods are guarded; all but GET, HEAD, OPTIONS and TRACE unless given. */
  readonly methods?: readonly string[];
  /** Headers of the answer that are replayed besides `Content-Type` and `Location`. */
  readonly keepHeaders?: readonly string[];
  /** Longer bodies are refused before anything happens; 1 MiB unless given. Body parsers have limits of their own. */
  readonly maxBodyBytes?: number;
  /** Of longer answers only that it happened is kept; 1 MiB unless given. */
  readonly maxResponseBytes?: number;
}

const mebibyte = 1024 * 1024;
const safeMethods = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/** The options as they are used. */
export type Settings = ReturnType<typeof settingsOf>;

/** @throws InvalidRequestError for what would only fail at the first request */
export function settingsOf(options: HttpGuardOptions) {
  const { guard, key, required, scope, action, fingerprint, methods, keepHeaders, ...others } = options;
  const { maxBodyBytes, maxResponseBytes, classify, ...terms } = others;
  if (typeof (guard as Guard | undefined)?.wrap !== 'function')
    throw new InvalidRequestError('The guard of HTTP requests needs a guard: new Guard({ receipts }).');
  if (scope !== undefined && typeof scope !== 'function' && (typeof scope !== 'string' || scope === ''))
    throw new InvalidRequestError('scope is a text, or a function that gives one of a request.');
  for (const [name, bytes] of Object.entries({ maxBodyBytes, maxResponseBytes }))
    if (bytes !== undefined && !(Number.isInteger(bytes) && bytes >= 0))
      throw new InvalidRequestError(`${name} is a number of bytes.`);
  const guarded = methods?.map((method) => method.toUpperCase());
  return {
    ...{ guard, classify, fingerprint, scope },
    key: key ?? 'Idempotency-Key',
    required: required ?? true,
    action: action ?? 'http_request',
    isGuarded: (method: string): boolean =>
      guarded?.includes(method.toUpperCase()) ?? !safeMethods.includes(method.toUpperCase()),
    kept: new Set(['content-type', 'location', ...(keepHeaders ?? []).map((name) => name.toLowerCase())]),
    maxBodyBytes: maxBodyBytes ?? mebibyte,
    maxResponseBytes: maxResponseBytes ?? mebibyte,
    // Whoever sends the same while it is worked on is told so, and comes back: no connection waits.
    terms: { waitFor: 0, ...terms },
  };
}
