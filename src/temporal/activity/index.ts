/** For activity code. */
export { effect, guarded } from './guarded';
export { currentClaim, requestId } from '../../core';
export type { AnyFunction, GuardedOptions, StepOptions } from './options';
export type { CurrentClaim, EffectOptions } from '../../core';
