/** Answers of handlers: what is kept of them, and how they are given again. */
import { problemResponse, problems, type PlainResponse } from '../problem';

/** An answer as it is kept. A person who resolves an outcome gives the result in this form, too. */
export interface StoredResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body?: string;
  /** Or, where it is no text, in base64. */
  readonly base64?: string;
  /** The body was too large to be kept, or a stream. */
  readonly cut?: true;
}

/** What a handler answered. */
export interface Captured {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** `undefined` where it cannot be kept: a stream, or too large. */
  readonly body: Uint8Array | undefined;
}

/** Tells a replay. */
const replayedHeader = 'idempotent-replayed';

/** What is kept of an answer: cookies and the like are the first caller's. */
export function storedResponse(
  { status, headers, body }: Captured,
  kept: ReadonlySet<string>,
  mostBytes: number,
): StoredResponse {
  const chosen = Object.fromEntries(Object.entries(headers).filter(([name]) => kept.has(name)));
  if (body === undefined || body.length > mostBytes) return { status, headers: chosen, cut: true };
  return { status, headers: chosen, ...bodyOf(body) };
}

function bodyOf(bytes: Uint8Array): Pick<StoredResponse, 'body' | 'base64'> {
  if (bytes.length === 0) return {};
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

const members = ['status', 'headers', 'body', 'base64', 'cut'];

/** Whether a result is an answer: one that a person gave, or another program wrote, may be anything. */
export function isStoredResponse(value: unknown): value is StoredResponse {
  if (typeof value !== 'object' || value === null) return false;
  const { status, headers = {}, body = '', base64 = '' } = value as Partial<Record<string, unknown>>;
  return (
    Object.keys(value).every((name) => members.includes(name)) &&
    Number.isInteger(status) &&
    (status as number) >= 200 &&
    (status as number) <= 599 &&
    typeof headers === 'object' &&
    headers !== null &&
    Object.values(headers).every((header) => typeof header === 'string') &&
    typeof body === 'string' &&
    typeof base64 === 'string'
  );
}

/** The kept answer again. What is no answer is given as JSON: a person's result, mostly. */
export function replayOf(stored: unknown): PlainResponse {
  if (!isStoredResponse(stored))
    return {
      status: 200,
      headers: { 'content-type': 'application/json', [replayedHeader]: 'true' },
      body: new TextEncoder().encode(JSON.stringify(stored) ?? 'null'),
    };
  const { status, headers, body = '', base64, cut } = stored;
  if (cut)
    return problemResponse({
      ...problems.unavailable,
      detail: `It was answered with status ${status} and a body too large to be kept. It was not done again.`,
    });
  return {
    status,
    headers: { ...headers, [replayedHeader]: 'true' },
    body: base64 === undefined ? new TextEncoder().encode(body) : Buffer.from(base64, 'base64'),
  };
}
