/** The engine over a real database, with a call to fill in. */
import { randomUUID } from 'node:crypto';

import { GuardEngine, type GuardedCall, type GuardEvent, type ReceiptStore } from '../../src/core';
import { fingerprintOf, hashRequestId } from '../../src/ids';
import { systemClock } from '../../src/system-clock';
import { jsonCodec } from './guarding';

export const engineOver = (
  store: ReceiptStore,
  onEvent: (event: GuardEvent) => void = () => undefined,
): GuardEngine => new GuardEngine({ store, clock: systemClock, newToken: randomUUID, onEvent });

/** A call of an intent of its own, unless it is given one. */
export function callFor(run: GuardedCall['run'], more: Partial<GuardedCall> = {}): GuardedCall {
  const requestId = more.requestId ?? `order:${randomUUID()}`;
  return {
    ...{ requestId, requestIdHash: hashRequestId(requestId), action: 'charge', payload: [1], origin: {} },
    ...{ fingerprint: fingerprintOf('charge', [1]), onUnknown: 'hold', attempt: 1, codec: jsonCodec, run },
    ...{ leaseMs: 2000, graceMs: 100, waitMs: 500, deadline: performance.now() + 20_000 },
    ...more,
  };
}
