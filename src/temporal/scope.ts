/** Which logical run a workflow run belongs to. Pure: a function of its info and its start header. */
import type { CallAge, IdentityProblem, ScopeHeader, StartHeader } from './header';

/** What the SDK's `WorkflowInfo` and the first event of a history say of a run. */
export interface RunInfo {
  readonly attempt: number;
  readonly continuedFromExecutionRunId?: string;
  readonly cronSchedule?: string;
  readonly firstExecutionRunId: string;
  readonly originalExecutionRunId: string;
  readonly retryPolicy?: object;
}

/** The scope of a run, and the calls that were open when it began; or why it has none. */
export type Scope = Required<Pick<ScopeHeader, 'scope' | 'open'>> | { readonly problem: IdentityProblem };

/** Which earlier run is repeated; nothing where none is. */
export type Rerun = Pick<CallAge, 'rerunOf' | 'rerunAt'>;

/** The earlier run that this one repeats, in whole or in part; its calls may have been made before. */
export function rerunOf(
  info: RunInfo & { readonly runId: string; readonly startTime: Date },
  header: StartHeader | undefined,
): Rerun {
  if (header?.rerunOf !== undefined) return { rerunOf: header.rerunOf, rerunAt: header.rerunAt };
  if (info.attempt > 1) return { rerunOf: info.firstExecutionRunId };
  if (info.originalExecutionRunId === info.runId) return {};
  // A reset keeps the time. The id of a run that was continued as new, or of a cron tick, does not tell it.
  return { rerunOf: info.originalExecutionRunId, rerunAt: info.startTime.getTime() };
}

/** What survives what was measured on a server; the table is in `docs/request-ids.md`. */
export function scopeOf(info: RunInfo, header: StartHeader | undefined): Scope {
  const { scope, from, open = [], problem } = header ?? {};
  const isRetry = info.attempt > 1;
  const continued =
    scope !== undefined && from !== undefined && (isRetry || from === info.continuedFromExecutionRunId);
  if (continued) return { scope, open };
  // A tick and a retry look alike from inside, and one must share an identity where the other must not.
  if (info.cronSchedule)
    return info.retryPolicy
      ? { problem: 'cron-with-retry' }
      : { scope: info.originalExecutionRunId, open: [] };
  if (problem !== undefined) return { problem };
  if (scope !== undefined && from === undefined) return { scope, open: [] };
  return { scope: isRetry ? info.firstExecutionRunId : info.originalExecutionRunId, open: [] };
}
