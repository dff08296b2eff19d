/** How long a store's claims and settlements take, as its callers see it. */
import type { ReceiptStore } from '../src/core';

/** Milliseconds, one for each call. */
export interface StepTimes {
  readonly claim: number[];
  readonly settle: number[];
}

/** The store, noting the times of what it does. */
export function timing(store: ReceiptStore, times: StepTimes): ReceiptStore {
  const timed = <Args extends unknown[], T>(method: (...args: Args) => Promise<T>, into: number[]) =>
    async function (...args: Args): Promise<T> {
      const begun = performance.now();
      const answer = await method.apply(store, args);
      into.push(performance.now() - begun);
      return answer;
    };
  const claim = timed(store.claim, times.claim);
  const settle = timed(store.settle, times.settle);
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'claim') return claim;
      if (name === 'settle') return settle;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
