/** What went wrong while a test stack was found, started or stopped, or what a crash matrix found. */
export type TestStackErrorCode =
  | 'TEMPORAL_BINARY_NOT_FOUND'
  | 'TEMPORAL_SERVER_FAILED'
  | 'POSTGRES_FAILED'
  | 'DATABASE_NOT_ALLOWED'
  | 'DATABASE_UNREACHABLE'
  | 'PACKAGE_MISSING'
  | 'COMMAND_FAILED'
  | 'TIMED_OUT'
  | 'CRASH_POINT_NOT_REACHED'
  | 'NOT_ONCE'
  | 'CLEAN_UP_FAILED';

/**
 * The one error of `activity-guard/testing`. Branch on `code`; the message says what was tried and
 * what to do next. A retry is safe after each: whatever had been started was stopped first, except
 * for `CLEAN_UP_FAILED`, whose message names what may be left.
 */
export class TestStackError extends Error {
  override readonly name = 'TestStackError';

  constructor(
    readonly code: TestStackErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** @internal The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** @internal SQLSTATE, errno or one of ours. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** @internal The error of a failed start, once what had been started is stopped; it also tells if that failed. */
export async function afterStop(error: unknown, stop: () => Promise<void>): Promise<unknown> {
  try {
    await stop();
    return error;
  } catch (stopError) {
    const code = error instanceof TestStackError ? error.code : 'CLEAN_UP_FAILED';
    return new TestStackError(code, `${messageOf(error)} Also: ${messageOf(stopError)}`, {
      cause: new AggregateError([error, stopError]),
    });
  }
}
