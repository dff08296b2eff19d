/** What `telemetry` of a guard or a worker is given. */
import {
  context,
  metrics,
  propagation,
  trace,
  type MeterProvider,
  type TracerProvider,
} from '@opentelemetry/api';

import { toMs, type Duration, type Telemetry } from '../core';
import { Instruments } from './instruments';
import { observeReceipts } from './receipts';
import { Step } from './step';

/** Where traces and metrics go, and how often receipts are counted. */
export interface TelemetryOptions {
  /** The application's global one unless given; it has to be there when `telemetry()` is called. */
  readonly meterProvider?: MeterProvider;
  /** The application's global one unless given. */
  readonly tracerProvider?: TracerProvider;
  /**
   * How often the receipts are counted at most, for the metrics of what is unknown now; `'1m'` unless given. Where nothing
   * reconciles them it reads all receipts: with many millions let one process do it, and say `false` in the others.
   */
  readonly countEvery?: Duration | false;
}

/**
 * Traces and metrics by OpenTelemetry, for `new Guard({ receipts, telemetry: telemetry() })` and
 * `new ActivityGuardPlugin({ receipts, telemetry: telemetry() })`. Make one for a process, after its SDK was started, and
 * give it to all. Never tells payloads, results or the messages of errors.
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace.getTracerProvider() } = options;
  const { countEvery = '1m' } = options;
  const everyMs = countEvery === false ? undefined : toMs('countEvery', countEvery);
  const meter = meterProvider.getMeter('activity-guard');
  const tracer = tracerProvider.getTracer('activity-guard');
  const instruments = new Instruments(meter);
  return {
    begin: (step, call, before) =>
      new Step(tracer, instruments, step, call, before instanceof Step ? before : undefined),
    event: (event) => instruments.count(event),
    reconciled: (counts) => instruments.countPass(counts),
    watch: observeReceipts(meter, instruments, everyMs),
    continued: (carrier, work) => {
      const active = context.active();
      // A part of a trace already: Temporal's interceptor stands outside of the guard.
      if (trace.getSpan(active)) return work();
      return context.with(propagation.extract(active, carrier), work);
    },
    carrier: () => {
      const carrier: Record<string, string> = {};
      propagation.inject(context.active(), carrier);
      return carrier;
    },
  };
}
