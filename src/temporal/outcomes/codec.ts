/** Outcomes in the worker's own encoding, so that receipts are as readable, or as secret, as the history. */
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import {
  decodeFromPayloadsAtIndex,
  decodeOptionalFailureToOptionalError,
  encode,
  encodeToPayload,
} from '@temporalio/common/lib/internal-non-workflow';
import { temporal } from '@temporalio/proto';

import { jsonFormat, noResult, ResultUnavailableError, type Outcome, type OutcomeCodec } from '../../core';
import { convertFailure, encodeConverted, type Owner, type TypeInfo } from './convert';
import { asApplicationFailure } from './failures';
import { decodedPayload, payloadBytes, payloadFormat } from './payload';

const failureFormat = 'temporal/failure';

/**
 * A result that Temporal does not carry is kept all the same: the receipt is then the only place that has it, an
 * operator can look there, and a namespace whose limit is raised replays it. Beyond this size only that it happened
 * is kept, for every look at the row reads it.
 */
const mostKeptBytes = 16 * 1024 * 1024;

const { Failure: failureType } = temporal.api.failure.v1;

/** What a codec works with. */
export interface CodecSetup {
  /** The worker's or the client's. */
  readonly converter: LoadedDataConverter;
  readonly owner: Owner;
  readonly outputType?: TypeInfo | undefined;
  /** Why a result of this size cannot be sent to Temporal, or `undefined`. */
  readonly excessOf: (bytes: number) => Promise<string | undefined>;
}

/**
 * Outcomes by a data converter. What the payload or failure converter throws is a final problem, for the same value
 * will never be converted; what a payload codec throws may pass.
 */
export function temporalCodec({ converter, owner, outputType, excessOf }: CodecSetup): OutcomeCodec {
  const withoutCodecs = { ...converter, payloadCodecs: [] };
  return {
    encodeResult: async (value) => {
      const converted = await encodeToPayload(withoutCodecs, value, owner, outputType).then(
        (payload) => ({ payload }),
        (problem: unknown) => ({ problem }),
      );
      if ('problem' in converted) return { ...noResult, problem: converted.problem };
      const [payload] = await encode(converter.payloadCodecs, [converted.payload], owner);
      const bytes = payloadBytes(payload as Payload);
      const excess = await excessOf(bytes.length);
      if (excess === undefined) return { format: payloadFormat, bytes };
      const kept = bytes.length <= mostKeptBytes ? { format: payloadFormat, bytes } : noResult;
      return { ...kept, problem: new RangeError(excess) };
    },
    decodeResult: async ({ format, bytes }) => {
      if (format === jsonFormat) {
        const parsed = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
        const transfer = outputType?.transferTypeConverter;
        return transfer ? transfer.fromTransferType(parsed) : parsed;
      }
      assertFormat(format, payloadFormat);
      const excess = await excessOf(bytes.length);
      if (excess !== undefined)
        throw new ResultUnavailableError(`The effect happened and is not run again. ${excess}`);
      return decodeFromPayloadsAtIndex<unknown>(converter, 0, [decodedPayload(bytes)], owner, outputType);
    },
    encodeFailure: async (error) => {
      let converted;
      try {
        converted = convertFailure(converter, asApplicationFailure(error), owner);
      } catch (problem) {
        return { ...noResult, problem };
      }
      const failure = await encodeConverted(converter, converted, owner);
      return { format: failureFormat, bytes: failureType.encode(failure).finish() };
    },
    decodeFailure: async ({ format, bytes }) => {
      assertFormat(format, failureFormat);
      return decodeOptionalFailureToOptionalError(converter, failureType.decode(bytes), owner);
    },
  };
}

function assertFormat(format: Outcome['format'], readable: string): void {
  if (format === readable) return;
  throw new ResultUnavailableError(
    `This is settled and not run again, but its outcome is stored as ${format}, which an activity cannot read. Look it up at the provider.`,
  );
}
