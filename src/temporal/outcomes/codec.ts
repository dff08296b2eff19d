/** Outcomes in the worker's own encoding, so that receipts are as readable, or as secret, as the history. */
import type { LoadedDataConverter } from '@temporalio/common';
import {
  decodeOptionalFailureToOptionalError,
  decodeOptionalSinglePayload,
  encodeErrorToFailure,
  encodeToPayload,
} from '@temporalio/common/lib/internal-non-workflow';
import { temporal } from '@temporalio/proto';

import { hasResult, ResultUnavailableError, type Outcome, type OutcomeCodec } from '../../core';
import { asApplicationFailure } from './failures';

const payloadFormat = 'temporal/payload';
const failureFormat = 'temporal/failure';

const { Payload: payloadType } = temporal.api.common.v1;
const { Failure: failureType } = temporal.api.failure.v1;

/** The codec that writes with `converter`, which is the worker's or the client's. */
export function temporalCodec(converter: LoadedDataConverter): OutcomeCodec {
  return {
    encodeResult: async (value) => {
      const payload = await encodeToPayload(converter, value);
      return { format: payloadFormat, bytes: payloadType.encode(payload).finish() };
    },
    decodeResult: async (outcome) => {
      if (outcome.format === 'json') return JSON.parse(new TextDecoder().decode(outcome.bytes)) as unknown;
      assertFormat(outcome, payloadFormat);
      return decodeOptionalSinglePayload<unknown>(converter, payloadType.decode(outcome.bytes));
    },
    encodeFailure: async (error) => ({
      format: failureFormat,
      bytes: failureType.encode(await encodeErrorToFailure(converter, asApplicationFailure(error))).finish(),
    }),
    decodeFailure: async (outcome) => {
      assertFormat(outcome, failureFormat);
      return decodeOptionalFailureToOptionalError(converter, failureType.decode(outcome.bytes));
    },
  };
}

function assertFormat(outcome: Outcome, format: string): void {
  if (outcome.format === format) return;
  throw new ResultUnavailableError(
    hasResult(outcome)
      ? `The effect happened, but its outcome is stored as ${outcome.format}, which an activity cannot read.`
      : 'The effect happened, but only that is known: its result was not stored. Look it up at the provider.',
  );
}
