import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once as onceEvent } from 'node:events';
import { mkdtempSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once, within } from './bounded';
import { messageOf, TestStackError } from './error';

/** Longer than the reaper's own limits (see `reaper-process.ts`), so that it reports first. */
const finishLimitMs = 20_000;

/** One line of the reaper's standard input. */
export type ReaperMessage =
  | { watch: number; signal: NodeJS.Signals }
  | { forget: number }
  | { pidFile: string }
  | { folder: string };

/**
 * Ends processes and deletes folders when this process ends, however it ends: SIGKILL too.
 *
 * A helper process holds the other end of a pipe and cleans up when the pipe closes. This needs no
 * signal handler and no exit hook here, so it neither disturbs the host's own shutdown nor misses
 * a death that runs no hook. An orderly stop is the same code: `finish()` closes the pipe.
 */
export interface Reaper {
  /** A new folder under the system's temporary one; deleted at the end, with its content. */
  makeFolder(prefix: string): string;
  /** The same for a folder that exists. */
  watchFolder(path: string): void;
  /** Starts a process that is sent `stopSignal` at the end, and SIGKILL if that does not help. */
  spawn(file: string, args: string[], options: SpawnOptions & { stopSignal: NodeJS.Signals }): ChildProcess;
  /** A file to which a process started by others writes its pid; killed at the end. */
  watchPidFile(path: string): void;
  /** Cleans up now. Idempotent; rejects with `CLEAN_UP_FAILED`. */
  readonly finish: () => Promise<void>;
}

/** Starts a reaper; it costs one small Node process until `finish()`. */
export function startReaper(): Reaper {
  const folders: string[] = [];
  const child = spawn(process.execPath, [join(__dirname, 'reaper-process.js')], {
    // Its own session: Ctrl-C in a terminal goes to the whole foreground group, and the reaper
    // must outlive us. An empty environment: NODE_OPTIONS of the host is not meant for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: tmpdir(),
    env: {},
  });
  const ended = onceEvent(child, 'exit') as Promise<[number | null, string | null]>;
  ended.catch(() => undefined);
  const pipe = child.stdin as Socket;
  pipe.on('error', () => undefined);
  // Neither may keep the host alive: a forgotten stop() is cleaned up after its natural end.
  child.unref();
  pipe.unref();
  const send = (message: ReaperMessage): void => void pipe.write(`${JSON.stringify(message)}\n`);
  const watchFolder = (path: string): void => {
    folders.push(path);
    send({ folder: path });
  };
  return {
    watchFolder,
    makeFolder: (prefix) => {
      const path = mkdtempSync(join(tmpdir(), prefix));
      watchFolder(path);
      return path;
    },
    spawn: (file, args, options) => spawnWatched(send, file, args, options),
    watchPidFile: (pidFile) => send({ pidFile }),
    finish: once(() => finish(pipe, ended, folders)),
  };
}

function spawnWatched(
  send: (message: ReaperMessage) => void,
  file: string,
  args: string[],
  { stopSignal, ...options }: SpawnOptions & { stopSignal: NodeJS.Signals },
): ChildProcess {
  // Detached, or Ctrl-C would end the server before the host has shut down gracefully.
  const child = spawn(file, args, { detached: true, ...options });
  const { pid } = child;
  if (pid !== undefined) {
    send({ watch: pid, signal: stopSignal });
    child.once('exit', () => send({ forget: pid }));
  }
  return child;
}

async function finish(
  pipe: Socket,
  ended: Promise<[number | null, string | null]>,
  folders: string[],
): Promise<void> {
  pipe.end();
  const left = folders.length === 0 ? '' : `; these folders may be left: ${folders.join(', ')}`;
  try {
    const [code, signal] = await within(finishLimitMs, 'the reaper', ended);
    if (code === 0) return;
    throw new Error(`the reaper ended with ${code ?? signal}`);
  } catch (cause) {
    throw new TestStackError('CLEAN_UP_FAILED', `Could not clean up: ${messageOf(cause)}${left}`, { cause });
  }
}
