/** For clients that complete guarded activities, and for programs that reset workflows or find out what happened. */
export { GuardedCompletion } from './completion';
export type {
  CompletedActivity,
  CompletedClaim,
  CompletionAnswer,
  GuardedCompletionOptions,
} from './completion';
export type { Fate } from './fate';
export { TemporalHistoryEvidence } from './history-evidence';
export type { TemporalHistoryEvidenceOptions } from './history-evidence';
export { resetImpact } from './reset-impact';
export type { ImpactedEffect, ResetImpact, ResetTarget } from './reset-impact';
export { wakeWaiting } from './wake';
