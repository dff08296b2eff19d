/** OpenTelemetry: traces and metrics of guards and workers, through the API alone. The SDK is the application's. */
export { telemetry } from './telemetry';
export type { TelemetryOptions } from './telemetry';
