/** Storage of the asynchronous context that there is once in the process, also where the package is loaded twice. */
import { AsyncLocalStorage } from 'node:async_hooks';

/** The storage of that name; its values must stay readable for every version of the package. */
export function sharedStorage<T>(name: string): AsyncLocalStorage<T> {
  const holder = globalThis as { [key: symbol]: AsyncLocalStorage<T> | undefined };
  return (holder[Symbol.for(`activity-guard.${name}`)] ??= new AsyncLocalStorage<T>());
}
