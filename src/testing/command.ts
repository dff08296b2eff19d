import type { SpawnOptions } from 'node:child_process';
import { lines } from './bounded';
import { TestStackError } from './error';
import type { Reaper } from './reaper';

/** How much of a command's output an error message repeats. */
const tailLines = 8;

export interface CommandOptions {
  /** The command and its process group are killed after that long. */
  limitMs: number;
  /** Ends the command if this process dies first. */
  reaper: Reaper;
  spawn?: SpawnOptions;
}

/**
 * Runs a command to its end and resolves to its standard output; rejects on a non-zero exit and
 * when the time is up.
 */
export function runCommand(file: string, args: string[], options: CommandOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const tail: string[] = [];
    let stdout = '';
    let timedOut = false;
    const child = options.reaper.spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options.spawn,
      stopSignal: 'SIGTERM',
    });
    const keep = lines((line) => {
      tail.push(line);
      if (tail.length > tailLines) tail.shift();
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      keep(chunk);
    });
    child.stderr?.on('data', keep);
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
    }, options.limitMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new TestStackError('COMMAND_FAILED', `${file}: ${cause.message}`, { cause }));
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) return resolve(stdout);
      keep('\n');
      const end = timedOut ? `still running after ${options.limitMs / 1000} s` : `exit ${code ?? signal}`;
      const output = tail.length === 0 ? '' : `: ${tail.join(' | ')}`;
      reject(new TestStackError(timedOut ? 'TIMED_OUT' : 'COMMAND_FAILED', `${file}: ${end}${output}`));
    });
  });
}

/** Watched processes head their own group: this also ends what the command has started. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}
