/** Lending a connection for as long as one function runs. */

/** What the caller of a lent object gets once it is taken back. */
const takenBack = (): Error =>
  Object.assign(new Error('The transaction is over: its statements must be awaited within it.'), {
    code: 'TRANSACTION_OVER',
  });

/** `lent`, refusing every call once `isOpen` says so. */
export const whileOpen = <T extends object>(lent: T, isOpen: () => boolean): T =>
  new Proxy(lent, {
    apply: (target, self, parameters) => {
      if (!isOpen()) throw takenBack();
      return Reflect.apply(target as () => unknown, self, parameters) as unknown;
    },
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]) => {
        if (!isOpen()) throw takenBack();
        return Reflect.apply(value, target, parameters) as unknown;
      };
    },
  });
