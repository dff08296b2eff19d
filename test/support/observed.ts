/** What an application's OpenTelemetry SDK sees of guards: spans kept in memory, metrics on a real endpoint. */
import {
  context,
  metrics,
  propagation,
  SpanStatusCode,
  trace,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';

import { telemetry } from 'activity-guard/otel';
import { freePort } from '../../src/testing/ports';

/** The `traceparent` of W3C Trace Context, which every SDK for Node registers by itself. */
const traceParent: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject: (from: Context, carrier: unknown, setter: TextMapSetter) => {
    const span = trace.getSpanContext(from);
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`);
  },
  extract: (into: Context, carrier: unknown, getter: TextMapGetter) => {
    const [, traceId, spanId, flags] = String(getter.get(carrier, 'traceparent') ?? '').split('-');
    if (!traceId || !spanId) return into;
    return trace.setSpanContext(into, { traceId, spanId, traceFlags: Number(flags), isRemote: true });
  },
};

/** Makes spans follow promises and headers; once in a process, as an SDK does. */
function register(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(traceParent);
}

/** What a span says, for comparing. */
export interface SpanSeen {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly string[];
  readonly isError: boolean;
}

export class Observed {
  private readonly exporter = new InMemorySpanExporter();
  readonly processor = new SimpleSpanProcessor(this.exporter);
  readonly tracerProvider = new BasicTracerProvider({ spanProcessors: [this.processor] });
  readonly telemetry;

  private constructor(
    private readonly prometheus: PrometheusExporter,
    readonly url: string,
  ) {
    const meterProvider = new MeterProvider({ readers: [prometheus] });
    metrics.setGlobalMeterProvider(meterProvider);
    trace.setGlobalTracerProvider(this.tracerProvider);
    this.telemetry = telemetry({ countEvery: 0 });
  }

  static async start(): Promise<Observed> {
    register();
    const port = await freePort();
    const prometheus = new PrometheusExporter({ host: '127.0.0.1', port, preventServerStart: true });
    await prometheus.startServer();
    return new Observed(prometheus, `http://127.0.0.1:${port}/metrics`);
  }

  async stop(): Promise<void> {
    await this.prometheus.stopServer();
    metrics.disable();
    trace.disable();
    context.disable();
    propagation.disable();
  }

  /** The spans that have ended, in that order. */
  get ended(): readonly ReadableSpan[] {
    return this.exporter.getFinishedSpans();
  }

  /** Takes what the guard's spans said until now. */
  take(): readonly SpanSeen[] {
    const seen = this.ended.map(({ name, attributes, events, status }) => ({
      ...{
        name,
        attributes,
        events: events.map((event) => event.name),
        isError: status.code === SpanStatusCode.ERROR,
      },
    }));
    this.exporter.reset();
    return seen;
  }

  /** What Prometheus gets. */
  async scrape(): Promise<string> {
    return (await fetch(this.url)).text();
  }
}
