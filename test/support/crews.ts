/** CrewAI in processes of its own, installed from PyPI; guarded through `activity-guard mcp` or `activity-guard serve`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { pythonEnvironment, type FoundPython } from './python-environment';

const examples = resolve(__dirname, '../../../examples/tools/crewai');
const fixtures = resolve(__dirname, '../../../test/fixtures/crewai');
const limitMs = 120_000;

/** The first time, this takes a minute or more. */
export const findCrewai = (): FoundPython => pythonEnvironment(join(examples, 'requirements.txt'));

/** What a call of the crew's tool is given by its model. */
export interface Turn {
  readonly order: string;
  readonly cents: number;
  readonly note: string;
}

/** A process that has started. */
export interface Crew {
  readonly pid: number;
  /** What it printed as JSON, or the signal that ended it. */
  readonly ended: Promise<{ readonly told: unknown; readonly signal: NodeJS.Signals | null }>;
}

/** Runs a script of the example, or of the fixtures, with what it is told. */
export function startPython(python: string, script: string, told: object): Crew {
  const home = mkdtempSync(join(tmpdir(), 'activity-guard-crewai-')); // CrewAI keeps files there
  const file = script === 'crew.py' ? join(examples, script) : join(fixtures, script);
  const child = spawn(python, [file, JSON.stringify(told)], {
    env: { ...process.env, HOME: home, PYTHONPATH: examples, PYTHONDONTWRITEBYTECODE: '1' },
    timeout: limitMs,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const closed = new Promise<[number | null, NodeJS.Signals | null]>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done([code, signal]));
  });
  const ended = closed.then(([code, signal]) => {
    rmSync(home, { recursive: true, force: true });
    if (code !== 0 && signal === null) throw new Error(`${script} ended with ${code}: ${err}`);
    return { told: code === 0 ? JSON.parse(out.trim().split('\n').at(-1) ?? '') : undefined, signal };
  });
  return { pid: child.pid ?? 0, ended };
}
