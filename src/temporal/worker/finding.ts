/** One weakness that preflight found, and the words for it. */

/** An error keeps the worker from starting; a warning is logged. */
export type FindingLevel = 'error' | 'warning';

/** One weakness. */
export interface Finding {
  readonly level: FindingLevel;
  /** Stable, for the table in the docs and for filters of logs. */
  readonly code: string;
  /** What, where, and what to change. */
  readonly message: string;
}

const mostNames = 10;

/** Names for a message, not more than one can read. */
export function listed(names: readonly string[]): string {
  const rest = names.length - mostNames;
  return names.slice(0, mostNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** How a finding stands in the log. */
export const lineOf = ({ message, code }: Finding): string => `activity-guard: ${message} (${code})`;
