/**
 * The one place that knows how the SDK keeps the calls of a workflow. A `catch` on the promise of a call would let the
 * workflow go on a little later than without it, and where a timer fires in the same task that changes which comes
 * first: a workflow that runs already could no longer be replayed. So the end of the call itself is listened to.
 */
import { AsyncLocalStorage, CancellationScope } from '@temporalio/workflow';
import { maybeGetActivator } from '@temporalio/workflow/lib/global-attributes';

const listenedTo = new WeakSet<object>();

type InContext = <T>(fn: () => T) => T;

/** What is in force for the caller is in force for what is done for it later. */
const callersContext = (): InContext =>
  (AsyncLocalStorage as unknown as { snapshot(): InContext }).snapshot();

/**
 * Starts a call and gives its very promise. Where the call fails with what `asks` recognises, the promise stays open and
 * ends as what `wait` gives.
 */
export function listenToFailure<A>(
  seq: number,
  start: () => Promise<unknown>,
  asks: (error: unknown) => A | undefined,
  wait: (asked: A) => Promise<unknown>,
): Promise<unknown> {
  const promise = start();
  if (CancellationScope.current().consideredCancelled) return promise; // the SDK has not scheduled it
  const pending = maybeGetActivator()?.completions.activity;
  const completion = pending?.get(seq);
  if (!pending || !completion) {
    // Another SDK, or an interceptor after this one that does something else first.
    return promise.catch((error: unknown) => {
      const asked = asks(error);
      if (asked === undefined) throw error;
      return wait(asked);
    });
  }
  if (listenedTo.has(completion)) return promise; // registered twice
  const inContext = callersContext();
  const listening = {
    ...completion,
    reject: (error: Error) => {
      const asked = asks(error);
      if (asked === undefined) completion.reject(error);
      else completion.resolve(inContext(() => wait(asked)));
    },
  };
  listenedTo.add(listening);
  pending.set(seq, listening);
  return promise;
}
