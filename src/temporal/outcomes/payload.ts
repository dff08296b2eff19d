/** How a result is stored: the payload as Temporal's history has it. */
import type { Payload } from '@temporalio/common';
import { temporal } from '@temporalio/proto';

import type { Outcome } from '../../core';

const { Payload: payloadType } = temporal.api.common.v1;

/** The format of such an outcome. */
export const payloadFormat = 'temporal/payload';

/** The bytes of an encoded payload. */
export const payloadBytes = (payload: Payload): Uint8Array => payloadType.encode(payload).finish();

/** The payload that was stored, still encoded. */
export const decodedPayload = (bytes: Uint8Array): Payload => payloadType.decode(bytes);

/** What the default converter makes of `undefined`; codecs leave alone what they have not encoded. */
const nothing: Payload = { metadata: { encoding: new TextEncoder().encode('binary/null') } };

/**
 * A result as the history has it: the worker's converter and codecs have encoded it, so nothing is encoded again. An
 * activity has one result, or none.
 */
export const outcomeOfPayloads = (payloads: readonly Payload[] | null | undefined): Outcome => ({
  format: payloadFormat,
  bytes: payloadBytes(payloads?.[0] ?? nothing),
});
