/** Converting and encoding, one step at a time: what a converter refuses is refused for good, a codec may be away. */
import { TemporalFailure, type LoadedDataConverter, type ProtoFailure } from '@temporalio/common';
import { encodeFailure, type encodeToPayload } from '@temporalio/common/lib/internal-non-workflow';

/** Whom a payload belongs to, for converters and codecs that ask. */
export type Owner = NonNullable<Parameters<typeof encodeToPayload>[2]>;

/** How the SDK was told to convert the results of an activity (`setActivityOptions`). */
export type TypeInfo = NonNullable<Parameters<typeof encodeToPayload>[3]>;

/** A receipt is read by other activities and workflows than the one that wrote it: it belongs to the namespace alone. */
export const ownerIn = (namespace: string): Owner => ({ type: 'activity', namespace, isLocal: false });

/** An error as a failure whose payloads are not encoded yet; throws if a detail cannot be converted. */
export function convertFailure(converter: LoadedDataConverter, error: unknown, owner: Owner): ProtoFailure {
  // The converter hands out, and with `encodeCommonAttributes` empties, the failure that an error was decoded from.
  // The worker converts the same error once more, and would find no message in it.
  const decoded = causesOf(error).filter((cause) => cause instanceof TemporalFailure && cause.failure);
  const kept = decoded.map((cause) => ({ ...(cause as TemporalFailure).failure }));
  try {
    return converter.failureConverter.errorToFailure(error, converter.payloadConverter, owner);
  } finally {
    decoded.forEach((cause, i) => ((cause as TemporalFailure).failure = kept[i] as ProtoFailure));
  }
}

/** A converted failure, through the codecs. */
export const encodeConverted = (
  { payloadCodecs }: LoadedDataConverter,
  failure: ProtoFailure,
  owner: Owner,
): Promise<ProtoFailure> => encodeFailure(payloadCodecs, failure, owner);

const mostCauses = 50;

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (
    let next = error;
    next != null && causes.length < mostCauses;
    next = (next as { cause?: unknown }).cause
  )
    causes.push(next);
  return causes;
}
