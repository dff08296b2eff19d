/** The receipts as a worker sees them from which no settlement gets through. */
import type { ReceiptStore } from '../../src/core';

/** Every settlement is refused for good, as without the privilege; all else goes on. */
export const unsettled = (receipts: ReceiptStore): ReceiptStore =>
  new Proxy(receipts, {
    get: (target, name) => {
      if (name === 'settle')
        return () => Promise.reject(Object.assign(new Error('no privilege'), { transient: false }));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
