import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../src/testing/temporal-binary';

const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
const askLimitMs = 10_000;
const venvLimitMs = 60_000;
const installLimitMs = 600_000;

/** The program of an environment, or why there is none. */
export type FoundPython = { readonly python: string } | { readonly missing: string };

/**
 * A Python (3.10 to 3.13) with the packages of a requirements file, made once and kept in the cache. Synchronous: whether a
 * suite is skipped must be known when it is defined.
 * @internal
 */
export function pythonEnvironment(requirements: string, env: NodeJS.ProcessEnv = process.env): FoundPython {
  const found = findPython();
  if (!found) return { missing: 'no Python 3.10 to 3.13 runs' };
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const cache = cacheFolder(env);
  const folder = join(cache, `python-${found.version}-${hash}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return { python };
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'python-'));
  try {
    const problem =
      run(found.name, ['-m', 'venv', work], venvLimitMs) ??
      run(join(work, 'bin', 'python'), [...pipInstall, requirements], installLimitMs);
    if (problem !== undefined) return { missing: problem };
    moveTo(folder, work);
    return { python };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const pipInstall = ['-m', 'pip', 'install', '--quiet', '--no-input', '--only-binary=:all:', '--requirement'];

function findPython(): { name: string; version: string } | undefined {
  for (const name of names) {
    const ask = 'import sys; print("%d.%d" % sys.version_info[:2])';
    const { stdout } = spawnSync(name, ['-c', ask], { timeout: askLimitMs, encoding: 'utf8' });
    const version = stdout?.trim();
    if (/^3\.1[0-3]$/.test(version)) return { name, version };
  }
  return undefined;
}

/** Only what is complete gets its name, and another process may have been faster. Only `bin/python` is run: it may be moved. */
function moveTo(folder: string, work: string): void {
  try {
    renameSync(work, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** What went wrong, in one line. */
function run(file: string, args: readonly string[], timeout: number): string | undefined {
  const { status, error, stderr } = spawnSync(file, args, { timeout, encoding: 'utf8' });
  if (status === 0) return undefined;
  const last = stderr?.trim().split('\n').at(-1);
  return `${args.slice(0, 3).join(' ')} failed: ${error?.message ?? last ?? 'no reason given'}`;
}
