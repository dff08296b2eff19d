/** What links a guarded function, or a step, to the guard around it. */
import { sharedStorage, type CurrentClaim } from '../../core';
import type { StepOptions } from './options';

/** Runs one step of an activity as an effect of its own. */
export type RunStep = (
  name: string,
  options: StepOptions,
  fn: (claim: CurrentClaim) => unknown,
) => Promise<unknown>;

/** The guard around the running activity. */
export interface GuardContext {
  /** The function that may start: the guard is for it alone. `undefined` where none may. */
  readonly guards: unknown;
  /** `undefined` in an activity that is guarded as a whole. */
  readonly step: RunStep | undefined;
}

export const guardContext = sharedStorage<GuardContext>('context');
