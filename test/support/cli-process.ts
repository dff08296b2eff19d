/** The command line in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** The script that is run. */
export const cliMain = join(__dirname, '../../src/cli/main.js');

/** How it ended, and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `activity-guard` with these arguments; `flags` are of Node. */
export function runCli(
  args: readonly string[],
  {
    input = '',
    flags = [],
    timeoutMs = 20_000,
    env = {},
  }: {
    input?: string;
    flags?: readonly string[];
    timeoutMs?: number;
    env?: Record<string, string | undefined>;
  } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [...flags, cliMain, ...args], {
    timeout: timeoutMs,
    env: { ...process.env, ...env },
  });
  child.stdin.on('error', () => undefined); // it may end before it has read everything
  child.stdin.end(input);
  const ended = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...ended }));
  });
}

/** One that goes on until it is told to end. */
export interface Going {
  /** The first lines of its output, as soon as they are there. */
  readonly lines: (count: number) => Promise<string[]>;
  /** Everything it has printed. */
  readonly printed: () => string;
  /** Ends it as an operator would. */
  readonly end: () => Promise<number | null>;
}

/** Starts `activity-guard` with these arguments. */
export function spawnCli(args: readonly string[], env: Record<string, string> = {}): Going {
  const child = spawn(process.execPath, [cliMain, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const linesSoFar = (): string[] => out.split('\n').slice(0, -1);
  return {
    lines: async (count) => {
      while (linesSoFar().length < count)
        await Promise.race([
          once(child.stdout, 'data'),
          closed.then(([code]) => Promise.reject(new Error(`it ended with ${code}: ${out}${err}`))),
        ]);
      return linesSoFar().slice(0, count);
    },
    printed: () => out + err,
    end: async () => {
      child.kill('SIGTERM');
      return (await closed)[0];
    },
  };
}

/** Decides, as an operator does, that something happened, and with what result. */
export async function resolveCommitted(
  { schema, namespace = 'default' }: { readonly schema: string; readonly namespace?: string },
  requestId: string,
  result: unknown,
): Promise<void> {
  const at = ['--schema', schema, '--namespace', namespace, '--json'];
  const { token } = JSON.parse((await runCli(['show', requestId, ...at])).out) as { token: string };
  const decision = ['--token', token, '--committed', '--result', JSON.stringify(result), '--reason', 'seen'];
  const ended = await runCli(['resolve', requestId, ...decision, '--no-temporal', ...at]);
  if (ended.code !== 0) throw new Error(ended.err);
}
