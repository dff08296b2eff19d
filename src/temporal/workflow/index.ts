/** For workflow code. Safe in the workflow sandbox. */
export { withRequestId } from './explicit-id';
export { isOutcomeUnknown, requestIdOf } from './failures';
