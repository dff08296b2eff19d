/** Results that are kept as JSON, which callers in every language and every worker can read. */
import { canonicalJson } from '../ids';
import type { Outcome } from './receipt';

/** The format of such an outcome. */
export const jsonFormat = 'json';

/** @returns `undefined` for what is not JSON, or nested too deep for others to read */
export function jsonOutcome(result: unknown): Outcome | undefined {
  try {
    canonicalJson(result);
    const text = JSON.stringify(result) as string | undefined;
    return text === undefined ? undefined : { format: jsonFormat, bytes: new TextEncoder().encode(text) };
  } catch {
    return undefined;
  }
}
