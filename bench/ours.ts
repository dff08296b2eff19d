/** The guard as it is called without Temporal: ids and arguments in, at most one effect, the result out. */
import { Guard, type Origin, type ReceiptStore } from '../src';

/** Calls `effect` once for all calls with one id, and gives each of them its result. */
export type GuardedRun = (requestId: string, payload: unknown, effect: () => unknown) => Promise<unknown>;

/** The one place that knows how the guard is called. */
export function oursOn(receipts: ReceiptStore, origin: Origin = {}): GuardedRun {
  const guard = new Guard({ receipts, origin, waitFor: '30s' });
  return async (requestId, payload, effect) => {
    const receipt = await guard.execute({ requestId, action: 'charge', payload, run: effect });
    if (receipt.ok) return receipt.result;
    throw new Error(`a guarded call ended as ${receipt.reason}`);
  };
}
