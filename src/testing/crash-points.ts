/** Killing a process at a chosen moment of a guarded call, to see that its effect still happens once. */
import type { ReceiptStore } from '../core';

/** The moments of a guarded call at which a crash means something different. */
export type CrashPoint =
  /** Nothing is written yet. */
  | 'before-claim'
  /** The claim is durable; the effect has not started. */
  | 'after-claim'
  /** The effect has happened; nothing says so yet. */
  | 'after-effect'
  /** The receipt is durable; Temporal has not heard of it. */
  | 'after-receipt';

/** @internal In the order in which a call comes to them. */
export const crashPoints: readonly CrashPoint[] = [
  'before-claim',
  'after-claim',
  'after-effect',
  'after-receipt',
];

const killSelf = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

/**
 * A store that ends this process with SIGKILL the first time a call reaches `point`; otherwise it is `receipts`.
 * @param crash what to do instead, such as sending this process a SIGSTOP; the call goes on when it is done
 */
export function crashAt(
  receipts: ReceiptStore,
  point: CrashPoint,
  crash: () => void | Promise<void> = killSelf,
): ReceiptStore {
  const [method, when] = (
    {
      'before-claim': ['claim', 'before'],
      'after-claim': ['claim', 'after'],
      'after-effect': ['settle', 'before'],
      'after-receipt': ['settle', 'after'],
    } as const
  )[point];
  let crashed = false;
  const die = async (): Promise<void> => {
    crashed = true;
    await crash();
  };
  return new Proxy(receipts, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const original = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (name !== method) return original;
      return async (...args: unknown[]) => {
        if (when === 'before' && !crashed) await die();
        const answer = await original(...args);
        if (when === 'after' && !crashed) await die();
        return answer;
      };
    },
  });
}
