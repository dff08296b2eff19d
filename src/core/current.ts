/** The effect that runs in the present asynchronous context. */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { HeldEffect } from './call';
import { GuardNotInstalledError } from './errors';

const storageKey = Symbol.for('activity-guard.effect');
type Holder = { [storageKey]?: AsyncLocalStorage<HeldEffect> };

/** One storage for the whole process, also where the package is loaded twice. */
export const effectStorage: AsyncLocalStorage<HeldEffect> = ((globalThis as Holder)[storageKey] ??=
  new AsyncLocalStorage<HeldEffect>());

/**
 * The running effect.
 * @throws GuardNotInstalledError where none runs
 */
export function currentEffect(): HeldEffect {
  const effect = effectStorage.getStore();
  if (effect) return effect;
  throw new GuardNotInstalledError('This was asked for outside a guarded effect, where there is no claim.');
}
