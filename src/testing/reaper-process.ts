/**
 * The helper process of `reaper.ts`: reads what to watch from its standard input and, when that
 * ends, stops and deletes all of it. Exit code 0 means that nothing is left.
 */
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { until } from './bounded';
import { isAlive } from './process-alive';
import type { ReaperMessage } from './reaper';

const graceMs = 6_000;
const killMs = 3_000;
const pollMs = 20;

const processes = new Map<number, NodeJS.Signals>();
const pidFiles = new Set<string>();
const folders = new Set<string>();

function note(message: ReaperMessage): void {
  if ('watch' in message) processes.set(message.watch, message.signal);
  else if ('forget' in message) processes.delete(message.forget);
  else if ('pidFile' in message) pidFiles.add(message.pidFile);
  else folders.add(message.folder);
}

async function cleanUp(): Promise<boolean> {
  for (const file of pidFiles) addFromFile(file);
  const isQuiet = await stopProcesses();
  return (await deleteFolders()) && isQuiet;
}

function addFromFile(file: string): void {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (Number.isSafeInteger(pid) && pid > 1) processes.set(pid, 'SIGKILL');
  } catch {
    // Never started, or already stopped by its owner, who deletes the file.
  }
}

async function stopProcesses(): Promise<boolean> {
  const areGone = (): boolean => [...processes.keys()].every((pid) => !isAlive(pid));
  for (const [pid, signal] of processes) send(pid, signal);
  if (await until(graceMs, pollMs, areGone)) return true;
  for (const pid of processes.keys()) send(pid, 'SIGKILL');
  return until(killMs, pollMs, areGone);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

async function deleteFolders(): Promise<boolean> {
  let areGone = true;
  for (const folder of folders) {
    try {
      // Retries: a process that was just killed may still have been creating files.
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    } catch {
      areGone = false;
    }
  }
  return areGone;
}

// Only the end of the pipe counts: a signal meant for the host must not stop its servers early.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
const input = createInterface({ input: process.stdin });
input.on('line', (line) => note(JSON.parse(line) as ReaperMessage));
input.once('close', () => void cleanUp().then((isClean) => process.exit(isClean ? 0 : 1)));
