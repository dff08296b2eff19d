/** Which logical run a workflow run belongs to. Pure: a function of its info and its start header. */
import type { WorkflowInfo } from '@temporalio/workflow';

import type { IdentityProblem, ScopeHeader } from '../header';

type RunInfo = Pick<
  WorkflowInfo,
  | 'attempt'
  | 'continuedFromExecutionRunId'
  | 'cronSchedule'
  | 'firstExecutionRunId'
  | 'originalExecutionRunId'
  | 'retryPolicy'
  | 'runId'
>;

/** The scope of a run, and the calls that were open when it began; or why it has none. */
export type Scope = Required<Pick<ScopeHeader, 'scope' | 'open'>> | { readonly problem: IdentityProblem };

/** The earlier run that this one repeats, in whole or in part; its calls may have been made before. */
export const rerunOf = (info: RunInfo, header: Partial<ScopeHeader> | undefined): string | undefined => {
  if (header?.rerunOf !== undefined) return header.rerunOf;
  if (info.attempt > 1) return info.firstExecutionRunId;
  return info.originalExecutionRunId === info.runId ? undefined : info.originalExecutionRunId;
};

/** What survives what was measured on a server; the table is in `docs/request-ids.md`. */
export function scopeOf(info: RunInfo, header: Partial<ScopeHeader> | undefined): Scope {
  const { scope, from, open = [] } = header ?? {};
  const isRetry = info.attempt > 1;
  const continued =
    scope !== undefined && from !== undefined && (isRetry || from === info.continuedFromExecutionRunId);
  if (continued) return { scope, open };
  // A tick and a retry look alike from inside, and one must share an identity where the other must not.
  if (info.cronSchedule)
    return info.retryPolicy
      ? { problem: 'cron-with-retry' }
      : { scope: info.originalExecutionRunId, open: [] };
  if (scope !== undefined && from === undefined) return { scope, open: [] };
  return { scope: isRetry ? info.firstExecutionRunId : info.originalExecutionRunId, open: [] };
}
