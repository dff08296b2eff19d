/** The errors of the guard. Each has a stable `code`; in Temporal that is the `type` of the `ApplicationFailure`. */

const brand = Symbol.for('activity-guard.error');

/** The stable codes of the guard's errors. */
export type GuardErrorCode =
  | 'OutcomeUnknown'
  | 'InFlight'
  | 'RequestIdReused'
  | 'ReceiptStoreUnavailable'
  | 'InvalidRequest'
  | 'GuardNotInstalled'
  | 'LeaseLost'
  | 'ResultUnavailable'
  | 'ReceiptPruned'
  | 'NotCommitted'
  | 'Rejected';

/** What an error of the guard can carry besides its message. */
export interface GuardErrorOptions {
  /** The request id it is about. */
  readonly requestId?: string | undefined;
  /** Ask again after this many milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What led to it. */
  readonly cause?: unknown;
}

/**
 * The base of all errors of the guard. Branded, so that `instanceof` also holds for an error that comes from
 * another copy of this package.
 */
export class ActivityGuardError extends Error {
  /** The request id the error is about, where one is known. */
  readonly requestId: string | undefined;
  /** Ask again after this many milliseconds, where a time is known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    /** The stable code to branch on. */
    readonly code: GuardErrorCode,
    message: string,
    /** Whether asking again with the same request id is safe and can end otherwise. */
    readonly retryable: boolean,
    options: GuardErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.requestId = options.requestId;
    this.retryAfterMs = options.retryAfterMs;
    this.name = new.target.name;
    Object.defineProperty(this, brand, { value: code });
  }

  static override [Symbol.hasInstance](
    this: { code?: GuardErrorCode } & (new (...args: never[]) => unknown),
    value: unknown,
  ): boolean {
    if (!isBranded(value)) return false;
    if (this === (ActivityGuardError as unknown)) return true;
    // A user's own subclass has no code of its own: only the prototype chain tells.
    if (!Object.hasOwn(this, 'code')) return Function.prototype[Symbol.hasInstance].call(this, value);
    return value[brand as never] === this.code;
  }
}

/** What is thrown may be anything, also a proxy that refuses to be looked at. */
const isBranded = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && readable(() => brand in value) === true;

/** Nobody knows whether the effect happened. Retrying is safe: nothing runs until the outcome is resolved. */
export class OutcomeUnknownError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'OutcomeUnknown' satisfies GuardErrorCode;
  /** The caller is to wait for a decision (`onUnknown: 'ask'`) on the claim of this epoch. */
  readonly ask: { readonly epoch: number } | undefined;
  constructor(
    message: string,
    options?: GuardErrorOptions & { readonly retryable?: boolean; readonly ask?: { readonly epoch: number } },
  ) {
    super('OutcomeUnknown', message, options?.retryable ?? true, options);
    this.ask = options?.ask;
  }
}

/** Somebody else holds the claim and has not finished within the time to wait. Retrying is safe. */
export class InFlightError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'InFlight' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('InFlight', message, true, options);
  }
}

/** The request id belongs to another action or another payload. Nothing ran; retrying the same call cannot help. */
export class RequestIdReusedError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'RequestIdReused' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('RequestIdReused', message, false, options);
  }
}

/** The receipts cannot be read or written, so nothing ran (fail closed). Retrying is safe. */
export class ReceiptStoreUnavailableError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'ReceiptStoreUnavailable' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('ReceiptStoreUnavailable', message, true, options);
  }
}

/** The request id, the payload or an option cannot be used. Nothing ran; correct the input. */
export class InvalidRequestError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'InvalidRequest' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('InvalidRequest', message, false, options);
  }
}

/** A guarded function was called outside a guard. Nothing ran; install the plugin, or call it through the guard. */
export class GuardNotInstalledError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'GuardNotInstalled' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('GuardNotInstalled', message, false, options);
  }
}

/** The holder can no longer prove that it holds the claim, so it does not start the effect. Retrying is safe. */
export class LeaseLostError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'LeaseLost' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('LeaseLost', message, true, options);
  }
}

/**
 * The outcome is settled, but it could not be stored or read back; the effect never runs again. Retryable only where
 * the stored bytes may be readable later, as when a key service is away.
 */
export class ResultUnavailableError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'ResultUnavailable' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions & { readonly retryable?: boolean }) {
    super('ResultUnavailable', message, options?.retryable ?? false, options);
  }
}

/** The effect was settled so long ago that its receipt was pruned. It does not run again; a new intent needs a new id. */
export class ReceiptPrunedError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'ReceiptPruned' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('ReceiptPruned', message, false, options);
  }
}

/**
 * For effects to throw: the effect certainly did **not** happen (the request never left, the account was empty
 * before anything was booked, …). The claim is released, and a retry runs the effect again.
 */
export class NotCommittedError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'NotCommitted' satisfies GuardErrorCode;
  constructor(message: string, options?: GuardErrorOptions) {
    super('NotCommitted', message, true, options);
  }
}

/**
 * For effects to throw: the provider has finally said no (card declined, address refused). The rejection is
 * stored as the outcome of this request id, and every later call gets the same failure without asking again.
 */
export class RejectedError extends ActivityGuardError {
  /** @internal */
  static readonly code = 'Rejected' satisfies GuardErrorCode;
  /** The `type` of the failure that the workflow sees; `'Rejected'` unless given. */
  readonly type: string | undefined;
  /** Passed to the workflow as the failure's details. */
  readonly details: readonly unknown[] | undefined;
  constructor(
    message: string,
    options?: GuardErrorOptions & { readonly type?: string; readonly details?: readonly unknown[] },
  ) {
    super('Rejected', message, false, options);
    this.type = options?.type;
    this.details = options?.details;
  }
}

/** What somebody else's object says; nothing where it throws instead. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** A field of what was thrown, if it is a text. */
export function textIn(thrown: unknown, field: 'name' | 'message' | 'code' | 'type'): string | undefined {
  const value = readable(() => (thrown as Partial<Record<string, unknown>>)[field]);
  return typeof value === 'string' ? value : undefined;
}

export const isError = (thrown: unknown): thrown is Error => readable(() => thrown instanceof Error) === true;

/** The name of an error; of anything else that was thrown, too. */
export const errorName = (thrown: unknown): string =>
  (isError(thrown) ? textIn(thrown, 'name') : undefined) ?? 'Error';

/** What was thrown, in words; empty where it says nothing. */
export const errorMessage = (thrown: unknown): string =>
  (isError(thrown) ? textIn(thrown, 'message') : readable(() => String(thrown))) ?? '';

/** What may be told of anything that was thrown: its code or its name. Messages can hold payloads. */
export const nameOf = (thrown: unknown): string =>
  isError(thrown) ? (textIn(thrown, 'code') ?? errorName(thrown)) : typeof thrown;
