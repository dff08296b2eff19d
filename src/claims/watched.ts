/** Claims for effects that run elsewhere, told to who watches in the same words as those of a guarded call. */
import {
  ActivityGuardError,
  nameOf,
  type CallStep,
  type GuardEvent,
  type StepEnd,
  type Telemetry,
} from '../core';
import type { ClaimReply } from './claims';
import type { SettleReply, Settling } from './holding';

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

/** What a guarded call would have got, or thrown. */
export function endOfClaim(reply: ClaimReply): StepEnd {
  switch (reply.status) {
    case 'PROCEED':
      return { answer: 'claimed', epoch: reply.epoch };
    case 'SKIP':
      return reply.state === 'committed' && reply.resultUnavailable
        ? { error: 'ResultUnavailable' }
        : { answer: 'replayed' };
    case 'IN_FLIGHT':
      return { error: 'InFlight' };
    case 'UNKNOWN':
      return { error: 'OutcomeUnknown' };
    case 'CONFLICT':
      return { error: reply.code };
    default:
      return reply satisfies never;
  }
}

/** What a settlement came to. */
export function tellSettled(reply: SettleReply, { outcome }: Settling, emit: Emit): void {
  if (reply.status === 'LATE') emit('late');
  else if (reply.status === 'UNKNOWN') emit('unknown');
  else if (reply.status === 'SETTLED' && reply.state === 'released')
    emit('released', { verdict: 'not-committed' });
  else if (reply.status === 'SETTLED' && reply.state === 'unknown') emit('unknown');
  else if (reply.status === 'SETTLED' && outcome !== 'unknown') emit('settled', { verdict: outcome });
}
