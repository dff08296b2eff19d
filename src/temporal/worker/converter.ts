/** Finding the data converter of the worker that runs an activity. */
import type { Context } from '@temporalio/activity';
import {
  defaultFailureConverter,
  defaultPayloadConverter,
  type LoadedDataConverter,
} from '@temporalio/common';

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
