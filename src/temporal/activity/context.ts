/** What links a guarded function to the guard around it. */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { HeldEffect } from '../../core';

/** The guard around the running activity. */
export interface GuardContext {
  /** The function that may start: the guard is for it alone. `undefined` for an activity guarded by name. */
  readonly guards: unknown;
  readonly effect: HeldEffect;
}

const storageKey = Symbol.for('activity-guard.context');
type Holder = { [storageKey]?: AsyncLocalStorage<GuardContext> };

/** One storage for the whole process, also where the package is loaded twice. */
export const guardContext: AsyncLocalStorage<GuardContext> = ((globalThis as Holder)[storageKey] ??=
  new AsyncLocalStorage<GuardContext>());
