/** For workflow code. Safe in the workflow sandbox. */
export { withFingerprint, withRequestId } from './call-context';
export { isOutcomeUnknown, requestIdOf } from './failures';
