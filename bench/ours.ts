/** The guard as it is called without Temporal: ids and arguments in, at most one effect, the result out. */
import { randomUUID } from 'node:crypto';

import {
  GuardEngine,
  type CallOutcome,
  type HeldEffect,
  type OutcomeCodec,
  type ReceiptStore,
} from '../src/core';
import { fingerprintOf, hashRequestId } from '../src/ids';
import { systemClock } from '../src/system-clock';

const encode = (format: string, value: unknown) => ({ format, bytes: Buffer.from(JSON.stringify(value)) });
const decode = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString());

const jsonCodec: OutcomeCodec = {
  encodeResult: (value) => encode('json', value),
  decodeResult: ({ bytes }) => decode(bytes),
  encodeFailure: (error) => encode('failure', (error as Error).message),
  decodeFailure: ({ bytes }) => new Error(String(decode(bytes))),
};

/** Calls `effect` once for all calls with one id, and gives each of them its result. */
export type GuardedRun = (requestId: string, payload: unknown, effect: () => unknown) => Promise<unknown>;

/** The one place that knows how the guard is called. */
export function oursOn(store: ReceiptStore): GuardedRun {
  const engine = new GuardEngine({
    ...{ store, clock: systemClock, newToken: randomUUID, onEvent: () => undefined },
  });
  return async (requestId, payload, effect) => {
    const run = async (held: HeldEffect): Promise<unknown> => {
      held.begin();
      return effect();
    };
    const outcome = await engine.run({
      requestId,
      requestIdHash: hashRequestId(requestId),
      action: 'charge',
      payload: [payload],
      fingerprint: fingerprintOf('charge', [payload]),
      origin: {},
      onUnknown: 'hold',
      attempt: 1,
      leaseMs: 30_000,
      graceMs: 10_000,
      waitMs: 30_000,
      deadline: performance.now() + 60_000,
      codec: jsonCodec,
      isDetached: true,
      run,
    });
    return valueOf(outcome);
  };
}

function valueOf(outcome: CallOutcome): unknown {
  if (outcome.kind === 'result') return outcome.value;
  throw new Error(`a guarded call ended as ${outcome.kind}`);
}
