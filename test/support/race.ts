/** Starts several racing processes at one gun. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const script = join(__dirname, 'racing-process.js');

interface Racer {
  readonly process: ChildProcess;
  output: string;
  errors: string;
}

function start(args: readonly string[]): Racer {
  const child = spawn(process.execPath, [script, ...args], { stdio: 'pipe' });
  const racer: Racer = { process: child, output: '', errors: '' };
  child.stdout.on('data', (chunk: Buffer) => (racer.output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (racer.errors += chunk.toString()));
  return racer;
}

const isReady = (racer: Racer): Promise<void> =>
  new Promise((resolve, reject) => {
    const look = (): void => void (racer.output.includes('ready\n') && resolve());
    racer.process.stdout?.on('data', look);
    racer.process.once('exit', (code) => reject(new Error(`ended with ${code}: ${racer.errors}`)));
    look();
  });

const ended = (racer: Racer): Promise<unknown> =>
  new Promise((resolve, reject) => {
    racer.process.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(racer.output.split('\n')[1] ?? ''));
      else reject(new Error(`ended with ${code}: ${racer.errors}`));
    });
  });

/** What each process printed; fails if one of them failed. */
export async function race(argLists: readonly (readonly string[])[]): Promise<unknown[]> {
  const racers = argLists.map(start);
  try {
    await Promise.all(racers.map(isReady));
    const all = Promise.all(racers.map(ended));
    for (const { process: child } of racers) child.stdin?.write('go\n');
    return await all;
  } finally {
    for (const { process: child } of racers) if (child.exitCode === null) child.kill('SIGKILL');
  }
}
