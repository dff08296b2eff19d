/** For activity code. */
export { currentClaim, effect, guarded, requestId } from './guarded';
export type { AnyFunction, CurrentClaim, EffectOptions, GuardedOptions, StepOptions } from './options';
