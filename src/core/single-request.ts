/** What an error means for an effect that makes one attempt on the wire. */
import type { Classify } from './policy';

/** The connection was never opened, so no request was sent. */
const neverOpened = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT', // undici, and so Node's fetch
]);

/** Of HTTP's 4xx, those after which the request may have been, or may still be, carried out. */
const inconclusive4xx = new Set([408, 409, 425]);

const mostCauses = 10;

/**
 * A classifier for effects that make **one** attempt on the wire: no retries in the provider's SDK, no redirects, and
 * nothing after the request that could fail with such an error. There, a connection that never opened and a 4xx (but
 * 408, 409 and 425) mean that nothing was committed. With a second attempt hidden inside, the same errors prove
 * nothing: the first one may have gone through.
 *
 * Reads the codes of Node's errors, and `status` or `statusCode`, also on causes and on every error of an aggregate.
 */
export const singleRequest = (): Classify => (error) =>
  provesNothingSent(error, mostCauses) ? 'not-committed' : undefined;

function provesNothingSent(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false;
  const { code, status, statusCode, errors, cause } = error as Record<string, unknown>;
  const http = status ?? statusCode;
  if (typeof http === 'number') return http >= 400 && http < 500 && !inconclusive4xx.has(http);
  if (Array.isArray(errors) && errors.length > 0)
    return errors.every((each) => provesNothingSent(each, depth - 1));
  if (typeof code === 'string' && neverOpened.has(code)) return true;
  return provesNothingSent(cause, depth - 1);
}
