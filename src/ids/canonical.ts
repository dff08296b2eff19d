/**
 * Canonical JSON after RFC 8785: one text per value, whatever the order of the keys, so that equal
 * payloads hash alike. What JSON cannot hold but payload converters can (bigint, bytes, Map, Set) gets a
 * form of its own that no JSON text has; what JSON drops (undefined, functions) is dropped.
 */

/** Deeper values are refused: they are cycles, or would overflow the stack of `JSON.stringify` next. */
const maxDepth = 256;

/** Longer texts are refused before anything happens; Temporal itself refuses payloads over 2 MiB. */
const maxCharacters = 16 * 1024 * 1024;

/** A value that cannot be written; the message names the place, never the content. */
export class CanonicalError extends TypeError {}

/** It is too large, wherever that is. */
class TooLargeError extends CanonicalError {
  constructor() {
    super(`the payload is too large: more than ${maxCharacters} characters`);
  }
}

/** Counted while it is written: what shares its parts, or has only a length, is small in memory and endless as a text. */
interface Budget {
  left: number;
}

function spend(characters: number, budget: Budget): void {
  budget.left -= characters;
  if (budget.left < 0) throw new TooLargeError();
}

function spent(text: string, budget: Budget): string {
  spend(text.length, budget);
  return text;
}

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

/** What JSON leaves out. */
export const isDropped = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

/** An instance without a field that can be read (private ones, a RegExp, an Error): any two would look equal. */
function isOpaque(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of a plain object in any realm, the prototype has none itself.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return !isPlain && Object.keys(value).length === 0;
}

function bytesOf(view: ArrayBufferView, budget: Budget): string {
  spend(2 * view.byteLength, budget);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return `bytes:"${Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')}"`;
}

/** Anything may call itself one. */
const isArrayBuffer = (value: object): value is ArrayBuffer => {
  try {
    return Reflect.get(ArrayBuffer.prototype, 'byteLength', value) !== undefined;
  } catch {
    return false;
  }
};

function writeObject(value: object, path: string, depth: number, budget: Budget): string {
  spend(1, budget);
  if (ArrayBuffer.isView(value)) return bytesOf(value, budget);
  if (Array.isArray(value)) {
    if (value.length > budget.left) throw new TooLargeError();
    return `[${Array.from(value, (v, i) => write(v, path && `${path}[${i}]`, depth, budget)).join(',')}]`;
  }
  const tag = tagOf(value);
  if (tag === 'ArrayBuffer' && isArrayBuffer(value)) return bytesOf(new Uint8Array(value), budget);
  if (tag === 'Map' || tag === 'Set') {
    const items = [...(value as Iterable<unknown>)].map((v) => write(v, path && `${path}{}`, depth, budget));
    return `${tag.toLowerCase()}:[${items.sort().join(',')}]`;
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return write(toJSON.call(value, ''), path, depth, budget);
  if (tag === 'String' || tag === 'Number' || tag === 'Boolean')
    return write(value.valueOf(), path, depth, budget);
  if (isOpaque(value)) throw new CanonicalError(`${path} has no content that can be read`);
  const fields = Object.keys(value)
    .sort() // by UTF-16 code units, as the RFC asks
    .map((key) => [key, (value as Record<string, unknown>)[key]] as const)
    .filter(([, v]) => !isDropped(v))
    .map(
      ([key, v]) =>
        `${spent(JSON.stringify(key), budget)}:${write(v, path && `${path}.${key}`, depth, budget)}`,
    );
  return `{${fields.join(',')}}`;
}

function write(value: unknown, path: string, depth: number, budget: Budget): string {
  if (depth > maxDepth)
    throw new CanonicalError(`${path.slice(0, 80)}… is nested deeper than ${maxDepth} (a cycle?)`);
  if (value === null || isDropped(value)) return spent('null', budget);
  if (typeof value === 'bigint') return spent(`bigint:"${value}"`, budget);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new CanonicalError(`${path} is ${value}, which JSON cannot hold`);
  if (typeof value === 'object') return writeObject(value, path, depth + 1, budget);
  return spent(JSON.stringify(value), budget);
}

/** Where it is in the value is followed only once something cannot be written: that is a text for each part of it. */
function writeAll(value: unknown): string {
  try {
    return write(value, '', 0, { left: maxCharacters });
  } catch (error) {
    if (error instanceof TooLargeError) throw error;
    return write(value, '$', 0, { left: maxCharacters });
  }
}

/**
 * The canonical text of `value`.
 * @throws CanonicalError naming the place (never the content) of what cannot be written
 */
export function canonicalJson(value: unknown): string {
  const text = writeAll(value);
  if (text.length > maxCharacters) throw new TooLargeError();
  return text;
}
