/** Claims for effects that run elsewhere, told to who watches in the same words as those of a guarded call. */
import {
  ActivityGuardError,
  nameOf,
  type CallStep,
  type GuardEvent,
  type StepEnd,
  type Telemetry,
} from '../core';

/** Tells what happened in a step. */
export type Emit = (type: GuardEvent['type'], more?: Pick<GuardEvent, 'by' | 'verdict'>) => void;

/** Whose step it is. */
interface About {
  readonly requestId: string;
  readonly action: string;
}

/** One step of a call, watched. */
export async function watched<R>(
  telemetry: Telemetry | undefined,
  [step, { requestId, action }]: readonly [CallStep, About],
  work: (emit: Emit) => Promise<R>,
  endOf: (reply: R) => StepEnd,
): Promise<R> {
  const watch = telemetry?.begin(step, { requestId, action, attempt: 1 });
  const emit: Emit = (type, more) => {
    const event = { type, requestId, action, ...more };
    telemetry?.event(event);
    watch?.note(event);
  };
  try {
    const reply = await (watch ? watch.run(() => work(emit)) : work(emit));
    watch?.end(endOf(reply));
    return reply;
  } catch (error) {
    watch?.end({ error: nameOf(error) });
    throw error;
  }
}

/** A claim or a settlement that fails since the receipts are away is told once, however often they were asked. */
export async function tellingAway<R>(telemetry: Telemetry | undefined, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ActivityGuardError && error.code === 'ReceiptStoreUnavailable') {
      const by = nameOf(error.cause ?? error);
      telemetry?.event({ type: 'store-error', requestId: error.requestId ?? '', action: '', by });
    }
    throw error;
  }
}
