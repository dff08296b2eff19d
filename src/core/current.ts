/** The effect that runs in the present asynchronous context. */
import type { HeldEffect } from './call';
import { GuardNotInstalledError } from './errors';
import { sharedStorage } from './shared-storage';

export const effectStorage = sharedStorage<HeldEffect>('effect');

/**
 * The running effect.
 * @throws GuardNotInstalledError where none runs
 */
export function currentEffect(): HeldEffect {
  const effect = effectStorage.getStore();
  if (effect) return effect;
  throw new GuardNotInstalledError('This was asked for outside a guarded effect, where there is no claim.');
}
