import type { ChildProcess } from 'node:child_process';
import { lines, once, within, type Log } from './bounded';
import { afterStop, messageOf, TestStackError } from './error';
import { freePort, portAttempts } from './ports';
import { startReaper, type Reaper } from './reaper';
import { resolveTemporalCli } from './temporal-binary';

const startLimitMs = 30_000;

/** Options of `startTemporalServer`. */
export interface TemporalServerOptions {
  /** Receives the server's own log, at level "warn". Silent by default. */
  log?: Log | undefined;
  /** Also serve Temporal's web UI. */
  ui?: boolean | undefined;
}

/** A Temporal development server of our own; its data is in memory. */
export interface StartedTemporalServer {
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
  /** Of the web UI, if asked for. */
  readonly uiUrl?: string;
  /** Ends the server; idempotent. The same happens by itself when this process ends. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts Temporal's development server on a free port of the loopback interface.
 *
 * Our own process and not `TestWorkflowEnvironment.createLocal`, which prints the server's output
 * to ours, gives it five seconds to start, and lets it outlive a host that is killed.
 *
 * Rejects with `TEMPORAL_BINARY_NOT_FOUND` or `TEMPORAL_SERVER_FAILED`, and leaves nothing behind.
 */
export async function startTemporalServer(
  options: TemporalServerOptions = {},
): Promise<StartedTemporalServer> {
  const program = await resolveTemporalCli({ log: options.log });
  const reaper = startReaper();
  try {
    const folder = reaper.makeFolder('activity-guard-temporal-');
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const uiPort = options.ui === true ? await freePort() : undefined;
      try {
        await startOn(port, uiPort, { program, folder, reaper, log: options.log });
        return {
          address: `127.0.0.1:${port}`,
          namespace: 'default',
          ...(uiPort === undefined ? {} : { uiUrl: `http://127.0.0.1:${uiPort}` }),
          stop: once(() => reaper.finish()),
        };
      } catch (error) {
        if (attempt === portAttempts || !messageOf(error).includes('address already in use')) throw error;
        options.log?.(`port ${port} was taken meanwhile`);
      }
    }
  } catch (cause) {
    throw await afterStop(temporalFailure('start the Temporal development server', cause), reaper.finish);
  }
}

/** @internal */
export interface DevServer {
  program: string;
  folder: string;
  reaper: Reaper;
  log: Log | undefined;
  /** Where it keeps its data; in memory unless given. */
  dataFile?: string;
}

/** @internal */
export async function startOn(
  port: number,
  uiPort: number | undefined,
  server: DevServer,
): Promise<ChildProcess> {
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'warn'];
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]));
  if (server.dataFile !== undefined) args.push('--db-filename', server.dataFile);
  // As the SDK does: no request of the server to the outside.
  args.push('--dynamic-config-value', 'frontend.enableServerVersionCheck=false');
  const child = server.reaper.spawn(server.program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: server.folder,
    // The program keeps a file in the home folder, and would read the user's profile there.
    env: { PATH: process.env['PATH'], HOME: server.folder, XDG_CONFIG_HOME: server.folder },
    // Nothing to save, and a gentle signal only makes it log for a second.
    stopSignal: 'SIGKILL',
  });
  await within(
    startLimitMs,
    'the start of the Temporal development server',
    untilReady(child, port, server.log),
  );
  return child;
}

function untilReady(child: ChildProcess, port: number, log: Log | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    let isReady = false;
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (isReady) log?.(`the Temporal server ended (${code ?? signal})`);
      else reject(new Error(`exit ${code ?? signal}: ${output.slice(0, 8).join(' | ') || 'no output'}`));
    });
    child.stderr?.on(
      'data',
      lines((line) => {
        log?.(line);
        if (!isReady) output.push(line);
      }),
    );
    child.stdout?.on(
      'data',
      lines((line) => {
        log?.(line);
        // Its banner names the port, once it serves; its own word, for on a port that was taken
        // meanwhile a connection would reach some other server.
        if (isReady || !line.includes(`:${port}`)) return;
        isReady = true;
        // From here on the server must not keep this process alive.
        child.unref();
        for (const stream of [child.stdout, child.stderr]) {
          (stream as unknown as { unref?: () => void } | null)?.unref?.();
        }
        resolve();
      }),
    );
  });
}

/** What went wrong, with the code of a Temporal failure unless it has a more telling one. */
export function temporalFailure(what: string, cause: unknown): TestStackError {
  if (cause instanceof TestStackError && cause.code !== 'TIMED_OUT') return cause;
  return new TestStackError('TEMPORAL_SERVER_FAILED', `Could not ${what}: ${messageOf(cause)}`, { cause });
}
