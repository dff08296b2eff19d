/** Outcomes as they are stored outside of Temporal: JSON where that keeps all of it, and Node's own format where not. */
import { deserialize, serialize } from 'node:v8';

import {
  errorMessage,
  errorName,
  jsonFormat,
  noResult,
  readable,
  RejectedError,
  ResultUnavailableError,
  textIn,
  type EncodedOutcome,
  type Outcome,
  type OutcomeCodec,
} from '../core';

/** A result that JSON would change: a Date, a Map, `undefined` in a list. Only Node reads it. */
const nodeFormat = 'node';
const failureFormat = 'failure';

/** Deeper values are left to Node's format, which also knows cycles. */
const deepest = 64;

/** More values are left to it as well: what shares its parts is small in memory, and endless as a text. */
const mostValues = 1_000_000;

/** Whether JSON gives the same value back. */
function survivesJson(value: unknown, depth = 0, left = { values: mostValues }): boolean {
  if (--left.values < 0) return false;
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object' || depth > deepest) return false;
  if (Array.isArray(value)) {
    // Holes would be filled, and names left out.
    const isList = value.length <= left.values && Object.keys(value).length === value.length;
    return isList && value.every((item) => survivesJson(item, depth + 1, left));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return (
    isPlain &&
    Object.entries(value).every(([key, item]) => key !== 'toJSON' && survivesJson(item, depth + 1, left))
  );
}

const bytesOfJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()) as unknown;

/** An error as it is kept: what callers branch on, and no stack. */
interface StoredFailure {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  /** Of a `RejectedError`. */
  readonly type?: string | undefined;
  readonly details?: readonly unknown[] | undefined;
}

function storedFailure(thrown: unknown): StoredFailure {
  const [name, message] = [errorName(thrown), errorMessage(thrown)];
  if (!(thrown instanceof RejectedError)) return { name, message, code: textIn(thrown, 'code') };
  const details = readable(() => thrown.details);
  const isKept = Array.isArray(details) && readable(() => survivesJson(details)) === true;
  return { name, message, type: textIn(thrown, 'type'), ...(isKept ? { details } : {}) };
}

/** Reads and writes the outcomes of a {@link Guard}. Answers at once: nothing is kept for a call that waits. */
export const storedOutcomes: OutcomeCodec = {
  encodeResult: (value): EncodedOutcome => {
    // What cannot be read now never can: it is not tried again.
    try {
      if (survivesJson(value)) return { format: jsonFormat, bytes: bytesOfJson(value) };
      return { format: nodeFormat, bytes: serialize(value) };
    } catch (problem) {
      return { ...noResult, problem };
    }
  },
  decodeResult: ({ format, bytes }) => {
    if (format === jsonFormat) return jsonOf(bytes);
    if (format === nodeFormat) return deserialize(bytes) as unknown;
    throw unreadable(format);
  },
  encodeFailure: (thrown) => ({ format: failureFormat, bytes: bytesOfJson(storedFailure(thrown)) }),
  decodeFailure: ({ format, bytes }) => {
    if (format !== failureFormat) throw unreadable(format);
    const { name, message, code, type, details } = jsonOf(bytes) as StoredFailure;
    if (name === 'RejectedError') {
      return new RejectedError(message, {
        ...(type === undefined ? {} : { type }),
        ...(details === undefined ? {} : { details }),
      });
    }
    return Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
  },
};

const unreadable = (format: Outcome['format']): ResultUnavailableError =>
  new ResultUnavailableError(
    `This is settled and not run again, but its outcome is stored as ${format}, which only a Temporal worker reads. Look it up there, or at the provider.`,
  );
