/** For clients that complete guarded activities. */
export { GuardedCompletion } from './completion';
export type { CompletedActivity, CompletionAnswer, GuardedCompletionOptions } from './completion';
