/** What every kind of case is checked for, by rules that are written down here a second time. */
import { isDeepStrictEqual } from 'node:util';
import { serialize } from 'node:v8';

import { ActivityGuardError } from '../../src';
import { hashRequestId, receiptKey } from '../../src/ids';
import { readable, type Receipt, type ReceiptStore } from '../../src/core';
import { storedOutcomes } from '../../src/guard';
import { secret } from './hostile';

/** How a case ended. */
export interface Verdict {
  readonly accepted: boolean;
  /** The code of a refusal. */
  readonly code?: string | undefined;
}

/** Something that must not be. */
export class Broken extends Error {}

export function must(isSo: boolean, what: string): asserts isSo {
  if (!isSo) throw new Broken(what);
}

/** What came of a call. */
export type Ended<T> = { readonly value: T } | { readonly error: unknown };

export const ending = <T>(work: () => Promise<T>): Promise<Ended<T>> =>
  Promise.resolve()
    .then(work)
    .then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );

/** Every refusal is an error of the guard, names what is wrong, and tells nothing that it was given. */
export function refusedBy(error: unknown, fields?: RegExp): string {
  must(error instanceof ActivityGuardError, `threw ${whatIs(error)}, which is no ActivityGuardError`);
  const { code } = error;
  // One that the effect itself threw is given as it is.
  const message = readable(() => error.message) ?? '';
  must(/^[A-Z][A-Za-z]+$/.test(code), `has no code: ${String(code)}`);
  if (code !== 'NotCommitted') must(!message.includes(secret), `${code} tells what it was given: ${message}`);
  if (code === 'InvalidRequest' && fields)
    must(fields.test(message), `${code} does not name ${String(fields)}: ${message}`);
  return code;
}

function whatIs(error: unknown): string {
  try {
    return error instanceof Error
      ? `${error.name}: ${error.message} ${error.stack?.split('\n')[1] ?? ''}`
      : typeof error;
  } catch {
    return 'something that cannot be looked at';
  }
}

/** Whether a text is whole UTF-16 and without NUL: what Postgres can keep. */
export const isWhole = (text: string): boolean =>
  Buffer.from(text).toString() === text && !text.includes('\0');

/** The rules of docs/protocol.md for request ids. */
export const isId = (id: unknown): id is string =>
  typeof id === 'string' &&
  id !== '' &&
  isWhole(id) &&
  Buffer.byteLength(id.normalize('NFC')) <= 512 &&
  !/~g[1-9]\d{0,2}$/.test(id) &&
  !/^sha256:[0-9a-f]{64}$/.test(id);

export const isAction = (action: unknown): action is string =>
  typeof action === 'string' && action !== '' && action.length <= 200 && isWhole(action);

/** The row of an id. */
export async function rowOf(receipts: ReceiptStore, id: string): Promise<Receipt | undefined> {
  return (await receipts.get(receiptKey(receipts.namespace, hashRequestId(id))))?.receipt;
}

/** The receipt that is kept is the one that was told. */
export function mustHold(
  row: Receipt | undefined,
  expected: { readonly state: Receipt['state']; readonly requestId: string; readonly action: string },
): asserts row is Receipt {
  must(row !== undefined, 'no receipt is kept');
  const { state, requestId, action } = row;
  const is = { state, requestId: requestId.normalize('NFC'), action };
  const be = { ...expected, requestId: expected.requestId.normalize('NFC') };
  must(isDeepStrictEqual(is, be), `the receipt is ${JSON.stringify(is)}, not ${JSON.stringify(be)}`);
  must(
    !JSON.stringify({ ...row, outcome: undefined }).includes(secret),
    'the receipt tells what it was given',
  );
}

/** The result that is kept, read without the guard. */
export function keptResult({ outcome }: Receipt): unknown {
  must(outcome !== undefined, 'no outcome is kept');
  return storedOutcomes.decodeResult(outcome);
}

/** The same value; NaN is itself, also as a date, and -0 is not 0. */
export const isSame = (a: unknown, b: unknown): boolean =>
  isDeepStrictEqual(a, b) || readable(() => serialize(a).equals(serialize(b))) === true;

/** JSON as a reader has it; `undefined` where there is none. */
export function jsonForm(value: unknown): unknown {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : { json: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
