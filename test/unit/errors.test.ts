import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import vm from 'node:vm';

import * as guard from '../../src';
import type { ActivityGuardError, GuardErrorOptions } from '../../src';

type ErrorClass = (new (
  message: string,
  options?: GuardErrorOptions,
) => ActivityGuardError) & { readonly code: string };

/** A second copy of the package's errors, as two installed versions in one process give. */
function secondCopy(): Record<string, ErrorClass> {
  const path = createRequire(__filename).resolve('../../src/core/errors.js');
  const module = { exports: {} };
  vm.runInThisContext(`(function (exports) { ${readFileSync(path, 'utf8')} \n})`)(module.exports);
  return module.exports;
}

const classes: readonly [string, ErrorClass, retryable: boolean][] = (
  [
    ['OutcomeUnknown', guard.OutcomeUnknownError, true],
    ['InFlight', guard.InFlightError, true],
    ['RequestIdReused', guard.RequestIdReusedError, false],
    ['ReceiptStoreUnavailable', guard.ReceiptStoreUnavailableError, true],
    ['InvalidRequest', guard.InvalidRequestError, false],
    ['GuardNotInstalled', guard.GuardNotInstalledError, false],
    ['LeaseLost', guard.LeaseLostError, true],
    ['ResultUnavailable', guard.ResultUnavailableError, false],
    ['NotCommitted', guard.NotCommittedError, true],
    ['Rejected', guard.RejectedError, false],
  ] as const
).map(([code, type, retryable]) => [code, type as unknown as ErrorClass, retryable]);

describe('every error of the guard', () => {
  it.each(classes)('%s has its code, name, request id, delay and cause', (code, Type, retryable) => {
    const cause = new Error('why');
    const error = new Type('what', { requestId: 'order:1', retryAfterMs: 5, cause });
    expect(error).toMatchObject({
      code,
      name: `${code}Error`,
      message: 'what',
      requestId: 'order:1',
      retryAfterMs: 5,
      retryable,
    });
    expect(error.cause).toBe(cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(guard.ActivityGuardError);
    expect(Object.hasOwn(new Type('what'), 'cause')).toBe(false);
  });

  // Mutation: the plain instanceof fails here.
  it('is recognised when it comes from another copy of the package, each as its own kind only', () => {
    const other = secondCopy();
    for (const [code] of classes) {
      const error = new (other[`${code}Error`] as ErrorClass)('from afar');
      expect(error).toBeInstanceOf(guard.ActivityGuardError);
      expect(classes.filter(([, Type]) => (error as unknown) instanceof Type).map(([c]) => c)).toEqual([
        code,
      ]);
    }
  });

  it('is not mistaken: things that only look alike are no errors of the guard', () => {
    const alike = Object.assign(new Error('x'), { code: 'Rejected', name: 'RejectedError' });
    for (const thing of [alike, { code: 'Rejected' }, null, undefined, 'Rejected', 7]) {
      expect((thing as unknown) instanceof guard.ActivityGuardError).toBe(false);
      expect((thing as unknown) instanceof guard.RejectedError).toBe(false);
    }
  });

  it("keeps a user's own subclasses apart", () => {
    class CardDeclined extends guard.RejectedError {}
    class AddressRefused extends guard.RejectedError {}
    const error = new CardDeclined('declined', { type: 'Declined', details: [51] });
    expect(error).toMatchObject({ name: 'CardDeclined', code: 'Rejected', type: 'Declined', details: [51] });
    expect(error).toBeInstanceOf(guard.RejectedError);
    expect(error).toBeInstanceOf(CardDeclined);
    expect(error).not.toBeInstanceOf(AddressRefused);
    expect(new guard.RejectedError('x')).not.toBeInstanceOf(CardDeclined);
  });

  it('of an outcome that the caller decides about is not retryable', () => {
    expect(new guard.OutcomeUnknownError('x', { retryable: false }).retryable).toBe(false);
  });
});
