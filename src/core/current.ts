/** The effect that runs in the present asynchronous context. */
import type { HeldEffect } from './call';
import type { CurrentClaim } from './effect-options';
import { GuardNotInstalledError } from './errors';
import { sharedStorage } from './shared-storage';

export const effectStorage = sharedStorage<HeldEffect>('effect');

/**
 * The claim of the running guarded function, activity or step: its `requestId` and `epoch` for a provider that checks
 * them, a `signal` that aborts when the claim can no longer be kept or the caller is cancelled, and `fence()`, which throws
 * `LeaseLost` unless the claim is certainly held at this moment: call it just before the irreversible step.
 * @throws GuardNotInstalledError outside of one
 */
export const currentClaim = (): CurrentClaim => currentEffect();

/**
 * The request id of the running guarded function, activity or step, to hand to the provider. Every attempt gets the same.
 * @throws GuardNotInstalledError outside of one
 */
export const requestId = (): string => currentEffect().requestId;

/**
 * The running effect.
 * @throws GuardNotInstalledError where none runs
 */
export function currentEffect(): HeldEffect {
  const effect = effectStorage.getStore();
  if (effect) return effect;
  throw new GuardNotInstalledError('This was asked for outside a guarded effect, where there is no claim.');
}
