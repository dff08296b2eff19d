/** For activity code. */
export { currentClaim, guarded, requestId } from './guarded';
export type { AnyFunction, CurrentClaim, GuardedOptions } from './guarded';
