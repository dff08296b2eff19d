/** One check of `doctor`. */

/** `warn`: it works, and something may go wrong; `skipped`: it could not be looked at. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'skipped';

/** What a check says. */
export interface Said {
  readonly verdict: Verdict;
  readonly found: string;
  /** What to do about it. */
  readonly fix?: string;
}

/** What one of them said. */
export interface Checked extends Said {
  readonly check: string;
}

/** Looks at one thing. What it throws is a failure of it. */
export type Check<Facts> = (facts: Facts) => Said | Promise<Said>;

export const ok = (found: string): Said => ({ verdict: 'ok', found });

export const warn = (found: string, fix: string): Said => ({ verdict: 'warn', found, fix });

export const fail = (found: string, fix: string): Said => ({ verdict: 'fail', found, fix });

export const skipped = (found: string, fix?: string): Said => ({
  ...{ verdict: 'skipped', found },
  ...(fix === undefined ? {} : { fix }),
});

/** Runs checks, one after the other. */
export async function run<Facts>(
  checks: Readonly<Record<string, Check<Facts>>>,
  facts: Facts,
): Promise<readonly Checked[]> {
  const all: Checked[] = [];
  for (const [check, look] of Object.entries(checks)) {
    const said = await Promise.resolve()
      .then(() => look(facts))
      .catch((error: unknown) => fail(`it could not be found out: ${messageOf(error)}`, 'Mend that first.'));
    all.push({ check, ...said });
  }
  return all;
}

/** None of them can be run. */
export const allSkipped = (checks: Readonly<Record<string, unknown>>, why: string, fix?: string): Checked[] =>
  Object.keys(checks).map((check) => ({ check, ...skipped(why, fix) }));

/** What went wrong: errors of refused connections have a code alone. */
export function messageOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: unknown };
  return message || (typeof code === 'string' ? code : String(error));
}
