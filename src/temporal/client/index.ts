/** For clients that complete guarded activities. */
export { GuardedCompletion } from './completion';
export type {
  CompletedActivity,
  CompletedClaim,
  CompletionAnswer,
  GuardedCompletionOptions,
} from './completion';
