/** `--metrics`: what this process does, for Prometheus. Its packages are loaded then, and not before. */
import { createServer } from 'node:http';

import type * as PrometheusPackage from '@opentelemetry/exporter-prometheus';
import type * as MetricsPackage from '@opentelemetry/sdk-metrics';

import type { Telemetry } from '../core';
import { optionalPackages } from '../optional-package';
import type * as Otel from '../otel';
import { parsed } from './definition';
import { close, listen, portIn } from './listening';
import { complain } from './terminal';

/** Where Prometheus asks. */
interface Address {
  readonly host: string;
  readonly port: number;
}

function addressIn(value: string, name: string): Address {
  const [, host = '127.0.0.1', port = ''] = /^(?:(.+):)?([^:]*)$/.exec(value) ?? [];
  return { host: host.replace(/^\[(.+)\]$/, '$1'), port: portIn(port, `the port of ${name}`) };
}

/** For commands that go on until they are told to end. */
export const metricsOption = {
  metrics: parsed(
    '[HOST:]PORT',
    'metrics for Prometheus there, at /metrics; on 127.0.0.1 unless given',
    addressIn,
  ),
};

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const packages = () =>
  optionalPackages(
    ['@opentelemetry/api', '@opentelemetry/sdk-metrics', '@opentelemetry/exporter-prometheus'],
    'for metrics',
    () => ({
      ...(require('../otel') as typeof Otel),
      ...(require('@opentelemetry/sdk-metrics') as typeof MetricsPackage),
      ...(require('@opentelemetry/exporter-prometheus') as typeof PrometheusPackage),
    }),
  );
/* eslint-enable @typescript-eslint/no-require-imports */

/** Runs `work`, and serves its metrics meanwhile where they are wanted; where is told on standard error. */
export async function withMetrics<T>(
  at: Address | undefined,
  work: (telemetry: Telemetry | undefined) => Promise<T>,
): Promise<T> {
  if (at === undefined) return work(undefined);
  const { PrometheusExporter, MeterProvider, telemetry } = packages();
  // Its own server would take another port for a free one, and is deaf to a port that is taken.
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const server = createServer((request, response) => {
    if (request.url === '/metrics') exporter.getMetricsRequestHandler(request, response);
    else response.writeHead(404).end();
  });
  complain(`metrics at ${await listen(server, at.port, at.host)}/metrics`);
  try {
    return await work(telemetry({ meterProvider }));
  } finally {
    await close(server);
    await meterProvider.shutdown();
  }
}
