/** Bodies of requests to the service, checked: what is not known is refused, for a misspelt field must not be left out. */
import { outcomes, type ClaimTerms, type Renewing, type Settling } from '../claims';
import { InvalidRequestError, mostActionCharacters } from '../core';

/** Bounds that the OpenAPI document tells, too. */
export const bounds = {
  bodyBytes: 1024 * 1024,
  actionCharacters: mostActionCharacters,
} as const;

type Check = readonly [isFine: (value: unknown) => boolean, what: string];

const anything: Check = [() => true, 'any JSON'];
const text = (most: number): Check => [
  (value) => typeof value === 'string' && value !== '' && value.length <= most && !value.includes('\0'),
  `a text of 1 to ${most} characters`,
];
const oneOf = (...values: readonly string[]): Check => [
  (value) => values.includes(value as string),
  `one of ${values.join(', ')}`,
];

interface Fields {
  readonly required: Readonly<Record<string, Check>>;
  readonly optional: Readonly<Record<string, Check>>;
}

/** As a part of a path these are gone before it is sent, so that such a claim could not be settled. */
const dots: readonly string[] = ['.', '..'];

const claimFields: Fields = {
  required: {
    requestId: [(value) => typeof value === 'string' && !dots.includes(value), 'a text other than . and ..'],
    action: text(bounds.actionCharacters),
  },
  optional: {
    ...{ payload: anything, fingerprint: anything },
    leaseFor: anything, // checked as a duration where it is used
  },
};

const settleFields: Fields = {
  required: { token: text(100), outcome: oneOf(...outcomes) },
  optional: { result: anything },
};

const renewFields: Fields = {
  required: { token: text(100), leaseFor: anything },
  optional: {},
};

/** @throws InvalidRequestError naming the field, never what it holds */
function checked(body: unknown, { required, optional }: Fields): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new InvalidRequestError('The body is not a JSON object.');
  const missing = Object.keys(required).find((name) => !Object.hasOwn(body, name));
  if (missing !== undefined) throw new InvalidRequestError(`${missing} is missing.`);
  const all: Readonly<Record<string, Check>> = { ...required, ...optional };
  for (const [name, value] of Object.entries(body)) {
    const check = Object.hasOwn(all, name) ? all[name] : undefined;
    if (!check)
      throw new InvalidRequestError(`The body has a field that is none of ${Object.keys(all).join(', ')}.`);
    if (!check[0](value)) throw new InvalidRequestError(`${name} is not ${check[1]}.`);
  }
  return body as Record<string, unknown>;
}

/** A claim as it is asked for. */
export const claimTermsOf = (body: unknown): ClaimTerms =>
  checked(body, claimFields) as unknown as ClaimTerms;

/** A settlement as it is said. */
export const settlingOf = (requestId: string, body: unknown): Settling => ({
  ...(checked(body, settleFields) as unknown as Omit<Settling, 'requestId'>),
  requestId,
});

/** More time for a claim. */
export const renewingOf = (requestId: string, body: unknown): Renewing => ({
  ...(checked(body, renewFields) as unknown as Omit<Renewing, 'requestId'>),
  requestId,
});

/**
 * The JSON in some bytes.
 * @throws InvalidRequestError where there is none
 */
export function jsonIn(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new InvalidRequestError('The body is not JSON.', { cause });
  }
}
