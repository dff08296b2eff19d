/**
 * How request ids are composed, checked and hashed, as far as the workflow has to know: its bundle holds this file. The
 * rules are frozen by a golden test: changing one would give a running intent another id, and run it twice.
 */
import { canonicalJson, isDropped } from './canonical';
import { sha256Hex } from './sha256';

/** The longest request id, in bytes of UTF-8. */
const maxRequestIdBytes = 512;

const maxActionBytes = 200;
const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
export const shortHash = (text: string): string => sha256Hex(text).slice(0, 32);

/** Joins parts so that no two lists of parts give one id: each carries its length. */
export const composeId = (parts: readonly string[]): string => parts.map((p) => `${p.length}:${p}`).join('/');

/** What is wrong with a request id, or `undefined`. Never quotes the id: it may be anything. */
export function requestIdProblem(id: unknown): string | undefined {
  if (typeof id !== 'string') return `the request id is ${id === null ? 'null' : typeof id}, not a string`;
  if (id === '') return 'the request id is empty';
  if (id.includes('\0')) return 'the request id contains a NUL character';
  if (/\p{Surrogate}/u.test(id)) return 'the request id contains a lone surrogate (broken UTF-16)';
  if (generationSuffix.test(id)) return 'the request id ends like a generation (~g2), which is not for ids';
  const bytes = utf8Length(id.normalize('NFC'));
  if (bytes > maxRequestIdBytes) return `the request id has ${bytes} bytes, ${maxRequestIdBytes} at most`;
  return undefined;
}

/** What identifies a request id everywhere: the SHA-256 of its NFC form, in hexadecimal. */
export const hashRequestId = (id: string): string => sha256Hex(id.normalize('NFC'));

/** `…~g2`: the second generation of an intent. */
export const generationSuffix = /~g([1-9]\d{0,2})$/;

/** The hash of a call's arguments. `f(x)` and `f(x, undefined)` are the same call. */
export function hashArgs(args: readonly unknown[]): string {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  return shortHash(canonicalJson(args.slice(0, length)));
}

/** What is wrong with a fingerprint: what has no content, or not yet, would make all calls equal. */
export function fingerprintProblem(value: unknown): string | undefined {
  const { then } = Object(value) as { then?: unknown };
  return isDropped(value) || typeof then === 'function'
    ? `the fingerprint tells no calls apart: it is ${then ? 'a promise' : typeof value}`
    : undefined;
}

/** The derived id of one intended call: which logical run, which action, which arguments, which of the equal ones. */
export function derivedRequestId(scope: string, action: string, argsHash: string, slot: number): string {
  const name = utf8Length(action) > maxActionBytes ? `sha256-${shortHash(action)}` : action;
  return composeId([scope, name, argsHash, String(slot)]);
}

/** The scope of a child workflow; hashed, so that ids stay short however deep the family is. */
export const childScope = (scope: string, type: string, argsHash: string, slot: number): string =>
  `child-${shortHash(composeId([scope, type, argsHash, String(slot)]))}`;

/** The scope of the next run after a continue-as-new: `scope`, `scope~2`, `scope~3`, … */
export function nextScope(scope: string): string {
  const match = /^(.*)~(\d+)$/.exec(scope);
  return match ? `${match[1]}~${Number(match[2]) + 1}` : `${scope}~2`;
}
