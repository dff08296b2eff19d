import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Sdk from '@temporalio/testing';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { once, within, type Log } from './bounded';
import { afterStop, messageOf } from './error';
import { requirePackage } from './optional-package';
import { startReaper } from './reaper';
import { resolveTestServer } from './temporal-binary';
import { startTemporalServer, temporalFailure, type TemporalServerOptions } from './temporal-server';

const connectLimitMs = 30_000;
const teardownLimitMs = 15_000;
const timeSkippingAttempts = 3;

/** An environment of the Temporal SDK, with the server behind it if that is ours. */
export interface StartedEnvironment {
  env: TestWorkflowEnvironment;
  address: string;
  namespace: string;
  uiUrl?: string;
  stop: () => Promise<void>;
}

/** Connects to `TEMPORAL_ADDRESS` if that is set, else to a development server of our own. */
export async function startLocalEnvironment(options: TemporalServerOptions): Promise<StartedEnvironment> {
  const given = process.env['TEMPORAL_ADDRESS'];
  if (given) {
    const namespace = process.env['TEMPORAL_NAMESPACE'] || 'default';
    const env = await connect(given, namespace).catch((cause: unknown) => {
      throw temporalFailure(`connect to TEMPORAL_ADDRESS ${given}`, cause);
    });
    return { env, address: given, namespace, stop: once(() => teardown(env)) };
  }
  const server = await startTemporalServer(options);
  try {
    const env = await connect(server.address, server.namespace);
    const stop = once(() => teardown(env).finally(() => server.stop()));
    return { ...server, env, stop };
  } catch (cause) {
    throw await afterStop(temporalFailure('connect to the Temporal development server', cause), server.stop);
  }
}

function connect(address: string, namespace: string): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment } = sdk();
  const work = TestWorkflowEnvironment.createFromExistingServer({ address, namespace });
  return within(connectLimitMs, `connecting to ${address}`, work);
}

/**
 * Starts the server that skips time. Only the SDK can connect to it in that mode, and only to one it
 * has started: so it starts a script, which tells the reaper who it is and keeps its output.
 */
export async function startTimeSkippingEnvironment(options: {
  log?: Log | undefined;
}): Promise<StartedEnvironment> {
  const program = await resolveTestServer(options);
  const reaper = startReaper();
  try {
    const folder = reaper.makeFolder('activity-guard-temporal-');
    const pidFile = join(folder, 'pid');
    reaper.watchPidFile(pidFile);
    const script = writeScript(folder, program);
    const env = await createTimeSkipping(script, folder, options.log);
    const stop = once(async () => {
      try {
        await teardown(env);
        // Stopped, so its pid may soon be another process's. Kept if that failed: the reaper tries.
        rmSync(pidFile, { force: true });
      } finally {
        await reaper.finish();
      }
    });
    return { env, address: env.address, namespace: env.namespace ?? 'default', stop };
  } catch (cause) {
    throw await afterStop(temporalFailure('start the Temporal test server', cause), reaper.finish);
  }
}

function writeScript(folder: string, program: string): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const script = join(folder, 'test-server');
  const log = quote(join(folder, 'log'));
  writeFileSync(
    script,
    `#!/bin/sh\necho $$ > ${quote(join(folder, 'pid'))}\nexec ${quote(program)} "$@" > ${log} 2>&1\n`,
  );
  chmodSync(script, 0o755);
  return script;
}

async function createTimeSkipping(path: string, folder: string, log?: Log): Promise<TestWorkflowEnvironment> {
  const { TestWorkflowEnvironment } = sdk();
  for (let attempt = 1; ; attempt++) {
    try {
      // The SDK chooses the port and gives the server five seconds: both may fail on a busy machine.
      const work = TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
      return await within(connectLimitMs, 'the start of the Temporal test server', work);
    } catch (error) {
      const output = readLog(join(folder, 'log'));
      if (attempt === timeSkippingAttempts) throw new Error(`${messageOf(error)}${output}`, { cause: error });
      log?.(`the Temporal test server did not start, trying again: ${messageOf(error)}${output}`);
    }
  }
}

function readLog(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? '' : ` (its output: ${text.slice(-500)})`;
  } catch {
    return '';
  }
}

function teardown(env: TestWorkflowEnvironment): Promise<void> {
  return within(teardownLimitMs, 'closing the connections to Temporal', env.teardown());
}

function sdk(): typeof Sdk {
  return requirePackage<typeof Sdk>('@temporalio/testing', 'to start a Temporal environment');
}
