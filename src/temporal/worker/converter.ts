/** The data converter of the worker that runs an activity. */
import type { Context } from '@temporalio/activity';
import {
  defaultFailureConverter,
  defaultPayloadConverter,
  type LoadedDataConverter,
} from '@temporalio/common';

import type { OutcomeCodec } from '../../core';
import { temporalCodec } from '../outcomes/codec';
import { ownerIn, type TypeInfo } from '../outcomes/convert';
import { tooLarge } from './result-limit';

/** The data converter of the worker. */
export function converterOf(context: Context): LoadedDataConverter {
  try {
    return context.client.options.loadedDataConverter;
  } catch {
    // MockActivityEnvironment has no client.
    return {
      payloadConverter: defaultPayloadConverter,
      failureConverter: defaultFailureConverter,
      payloadCodecs: [],
    };
  }
}

/** The codec for one execution of the registered activity `fn`, or of a step, which has none. */
export function codecOf(context: Context, fn: unknown): OutcomeCodec {
  const converter = converterOf(context);
  return temporalCodec({
    converter,
    owner: ownerIn(context.info.namespace),
    outputType: outputTypeOf(fn),
    excessOf: (bytes) => tooLarge(context, converter, bytes),
  });
}

/** The type information of a registered activity's result. */
const outputTypeOf = (fn: unknown): TypeInfo | undefined =>
  (fn as { activityDefinitionOptions?: { typeInfo?: { outputType?: TypeInfo } } } | undefined)
    ?.activityDefinitionOptions?.typeInfo?.outputType;
