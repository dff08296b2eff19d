/** For activity code. */
export { guarded, requestId } from './guarded';
export type { AnyFunction, GuardedOptions } from './guarded';
