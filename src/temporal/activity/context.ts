/** What links a guarded function, or a step, to the guard around it. */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { CurrentClaim, StepOptions } from './options';

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

const storageKey = Symbol.for('activity-guard.context');
type Holder = { [storageKey]?: AsyncLocalStorage<GuardContext> };

/** One storage for the whole process, also where the package is loaded twice. */
export const guardContext: AsyncLocalStorage<GuardContext> = ((globalThis as Holder)[storageKey] ??=
  new AsyncLocalStorage<GuardContext>());
