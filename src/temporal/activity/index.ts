/** For activity code. */
export { effect, guarded } from './guarded';
export { currentClaim, requestId } from '../../core';
export type { GuardedOptions, StepOptions } from './options';
export type { AnyFunction, CurrentClaim, EffectOptions } from '../../core';
