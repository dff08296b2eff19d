/**
 * How the guard's spans join those of Temporal's OpenTelemetry interceptors. The guard is the outermost interceptor, so
 * that Temporal's span of the activity (`RunActivity`) exists only where, and while, the effect runs: it becomes a part of
 * the guard's span of the effect, and that one of what called the activity.
 */
import { defaultPayloadConverter, type Headers } from '@temporalio/common';
import type { ActivityExecuteInput } from '@temporalio/worker';

import type { Telemetry } from '../../core';

/** Of `@temporalio/interceptors-opentelemetry`: which trace an activity belongs to. */
const traceHeader = '_tracer-data';

function carrierIn(headers: Headers): Record<string, string> | undefined {
  const payload = headers[traceHeader];
  try {
    return payload && defaultPayloadConverter.fromPayload(payload);
  } catch {
    return undefined; // whoever wrote it hears of it from Temporal's interceptor
  }
}

/** Runs an attempt within the trace that its activity came with. */
export function inTrace<T>(
  telemetry: Telemetry | undefined,
  { headers }: ActivityExecuteInput,
  work: () => T,
): T {
  const carrier = telemetry && carrierIn(headers);
  return carrier ? telemetry.continued(carrier, work) : work();
}

/** What the interceptors inside the guard get: the trace goes on in the step that runs now. */
export function tracedOn(
  telemetry: Telemetry | undefined,
  input: ActivityExecuteInput,
): ActivityExecuteInput {
  if (!telemetry || !(traceHeader in input.headers)) return input;
  const carrier = telemetry.carrier();
  if (Object.keys(carrier).length === 0) return input; // nothing is traced here
  const header = defaultPayloadConverter.toPayload(carrier);
  return { ...input, headers: { ...input.headers, [traceHeader]: header } };
}
