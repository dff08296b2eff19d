/**
 * Canonical JSON after RFC 8785: one text per value, whatever the order of the keys, so that equal
 * payloads hash alike. What JSON cannot hold but payload converters can (bigint, bytes, Map, Set) gets a
 * form of its own that no JSON text has; what JSON drops (undefined, functions) is dropped.
 */

/** Deeper values are refused: they are cycles, or would overflow the stack of `JSON.stringify` next. */
const maxDepth = 256;

/** Longer texts are refused before anything happens; Temporal itself refuses payloads over 2 MiB. */
const maxCharacters = 16 * 1024 * 1024;

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

function bytesOf(view: ArrayBufferView): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return `bytes:"${Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')}"`;
}

function writeObject(value: object, path: string, depth: number): string {
  if (ArrayBuffer.isView(value)) return bytesOf(value);
  if (Array.isArray(value))
    return `[${Array.from(value, (v, i) => write(v, path && `${path}[${i}]`, depth)).join(',')}]`;
  const tag = tagOf(value);
  if (tag === 'ArrayBuffer') return bytesOf(new Uint8Array(value as ArrayBuffer));
  if (tag === 'Map' || tag === 'Set') {
    const items = [...(value as Iterable<unknown>)].map((v) => write(v, path && `${path}{}`, depth));
    return `${tag.toLowerCase()}:[${items.sort().join(',')}]`;
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return write(toJSON.call(value, ''), path, depth);
  if (tag === 'String' || tag === 'Number' || tag === 'Boolean') return write(value.valueOf(), path, depth);
  if (isOpaque(value)) throw new TypeError(`${path} has no content that can be read`);
  const fields = Object.keys(value)
    .sort() // by UTF-16 code units, as the RFC asks
    .map((key) => [key, (value as Record<string, unknown>)[key]] as const)
    .filter(([, v]) => !isDropped(v))
    .map(([key, v]) => `${JSON.stringify(key)}:${write(v, path && `${path}.${key}`, depth)}`);
  return `{${fields.join(',')}}`;
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > maxDepth)
    throw new TypeError(`${path.slice(0, 80)}… is nested deeper than ${maxDepth} (a cycle?)`);
  if (value === null || isDropped(value)) return 'null';
  if (typeof value === 'bigint') return `bigint:"${value}"`;
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`${path} is ${value}, which JSON cannot hold`);
  if (typeof value === 'object') return writeObject(value, path, depth + 1);
  return JSON.stringify(value);
}

/** Where it is in the value is followed only once something cannot be written: that is a text for each part of it. */
function writeAll(value: unknown): string {
  try {
    return write(value, '', 0);
  } catch {
    return write(value, '$', 0);
  }
}

/**
 * The canonical text of `value`.
 * @throws TypeError naming the place (never the content) of what cannot be written.
 */
export function canonicalJson(value: unknown): string {
  const text = writeAll(value);
  if (text.length > maxCharacters) {
    throw new TypeError(`the payload is too large: ${text.length} characters, ${maxCharacters} at most`);
  }
  return text;
}
