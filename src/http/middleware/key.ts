/** Which intent a request belongs to, and what makes it the same request. */
import { createHash } from 'node:crypto';

import { composeId } from '../../ids';
import { problems, type Problem } from '../problem';
import type { InboundRequest, Settings } from './options';

/** A key as most clients send it. No comma and no space: two headers arrive as one text, joined by them. */
const bareKey = /^[\x21\x23-\x2b\x2d-\x7e]{1,255}$/;

/** A key as the draft has it: a string of RFC 9651. */
const quotedKey = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"$/;

/** `"abc"` and `abc` are one key; `undefined` for what is none. */
function keyIn(header: string): string | undefined {
  const text = header.trim();
  if (bareKey.test(text)) return text;
  return quotedKey.exec(text)?.[1]?.replace(/\\(.)/g, '$1');
}

const malformed = (detail: string): Problem => ({ ...problems.invalid, detail });

/** The key of a request; `undefined` where it has none. */
export function keyOf(request: InboundRequest, { key }: Settings): string | undefined | Problem {
  if (typeof key === 'string') {
    const header = request.header(key);
    if (header === undefined || header.trim() === '') return undefined;
    return (
      keyIn(header) ?? malformed(`${key} is one key of 1 to 255 visible ASCII characters. Nothing was done.`)
    );
  }
  try {
    // What is read from a body may be anything: a number, or an object that looks like a refusal.
    const found: unknown = key(request);
    if (found === undefined || found === null || found === '') return undefined;
    if (typeof found === 'string') return found;
  } catch {
    // said below
  }
  return malformed('The request does not have the form that its key is read from. Nothing was done.');
}

/**
 * The request id of a key. None that the rest of the service uses: whoever sends requests must not be able to claim
 * those.
 * @returns a problem where nobody knows whose key it is: without its scope it would be that of everybody
 */
export function requestIdOf(key: string, request: InboundRequest, { scope }: Settings): string | Problem {
  if (scope === undefined) return `http:${key}`;
  // What is looked up may be missing, or a promise.
  const whose: unknown = typeof scope === 'function' ? scope(request) : scope;
  return typeof whose === 'string' && whose !== ''
    ? `http/${composeId([whose, key])}`
    : malformed('The request does not tell whose key it is. Nothing was done.');
}

/** Whether it has a body, by its headers: of one that nobody has read, nothing is known. */
export const hasBody = (request: InboundRequest): boolean =>
  request.header('transfer-encoding') !== undefined || Number(request.header('content-length') ?? 0) > 0;

/** What is compared of a body: bytes and texts by their hash, what a parser made of it as canonical JSON. */
export function contentOf(body: unknown): unknown {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string' || body instanceof Uint8Array)
    return createHash('sha256').update(body).digest('hex');
  return { parsed: body };
}
