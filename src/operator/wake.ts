/** Having whoever waits for a decision go on, as soon as it is made. */
import type { Receipt } from '../core';
import { withTemporal } from './temporal';

/** `'unreachable'`: perhaps somebody waits, and could not be told. */
export type Woken = 'activity' | 'workflow' | 'none' | 'unreachable';

/** A decision must not take long only because Temporal is away. */
const connectTimeout = '3s';

/**
 * Wakes who waits for a receipt, in the Temporal namespace that it came from. Never fails: the decision counts already.
 * @param onUnreachable told why nobody could be told
 */
export async function wake(
  receipt: Receipt,
  { 'no-temporal': noTemporal }: { readonly 'no-temporal': boolean },
  onUnreachable: (why: string) => void,
): Promise<Woken> {
  const { temporalNamespace: namespace, workflowId } = receipt.origin;
  if (noTemporal || !namespace || !workflowId) return 'none';
  try {
    return await withTemporal((client, { wakeWaiting }) => wakeWaiting(client, receipt), {
      ...{ connectTimeout, namespace },
    });
  } catch (error) {
    onUnreachable(error instanceof Error ? error.message : String(error));
    return 'unreachable';
  }
}

/** What is said of it after the decision. */
export const textOf = (woken: Woken): string =>
  woken === 'activity'
    ? ' Its activity goes on now.'
    : woken === 'workflow'
      ? ' Its workflow goes on now.'
      : woken === 'none'
        ? ' Nobody was woken.'
        : '';
