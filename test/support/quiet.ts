import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

/** A logger that says nothing: webpack's progress is of no interest in tests. */
export const quiet = { log: noop, trace: noop, debug: noop, info: noop, warn: noop, error: noop };

function noop(): void {
  // says nothing
}

/** Failing tasks and attempts are what a campaign is about: they are no news. Once for each process. */
export function quietRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} } },
  });
}
