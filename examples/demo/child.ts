import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { STOP_MESSAGE } from '../parent';
import type { ReadyMessage } from '../parent';

export interface ChildOptions {
  name: string;
  /** The compiled script. */
  script: string;
  args?: readonly string[];
  /** Given to the child as JSON in the environment variable `DEMO_CONFIG`. */
  config?: object;
  /** Where the child's own output goes. */
  logFile: string;
}

/** A Node process that was started by this one, ends with it, and is only ever addressed by pid. */
export class Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process is gone, however it went. */
  readonly ended: Promise<void>;
  private readonly process: ChildProcess;

  constructor(private readonly options: ChildOptions) {
    this.name = options.name;
    const log = openSync(options.logFile, 'a');
    this.process = fork(options.script, [...(options.args ?? [])], {
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...process.env, DEMO_CONFIG: JSON.stringify(options.config ?? {}) },
    });
    closeSync(log);
    this.pid = this.process.pid ?? -1;
    this.ended = new Promise((resolve) => {
      this.process.once('exit', () => resolve());
      // Emitted for a process that could not be started, and for a message to one that just died.
      this.process.on('error', () => (this.process.pid === undefined ? resolve() : undefined));
    });
  }

  get running(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  onMessage<T extends { type: string }>(type: T['type'], listener: (message: T) => void): void {
    this.process.on('message', (message) => {
      if ((message as T).type === type) listener(message as T);
    });
  }

  send(message: object): void {
    if (this.process.connected) this.process.send(message, () => undefined);
  }

  /** What the child says of itself once it is up. */
  async ready<T>(timeoutMs: number): Promise<T> {
    const { name, logFile } = this.options;
    return new Promise<T>((resolve, reject) => {
      const fail = (what: string): void => reject(new Error(`${name} ${what}; see ${logFile}`));
      const timer = setTimeout(() => fail(`was not up in ${timeoutMs / 1_000} s`), timeoutMs);
      void this.ended.then(() => {
        clearTimeout(timer);
        fail('ended before it was up');
      });
      this.onMessage<ReadyMessage<T>>('ready', ({ address }) => {
        clearTimeout(timer);
        resolve(address);
      });
    });
  }

  /** Ends it without warning, as a power cut does; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.running) this.process.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to end, and insists when it takes too long. */
  async stop(patienceMs = 5_000): Promise<void> {
    this.send(STOP_MESSAGE);
    const timer = setTimeout(() => this.process.kill('SIGKILL'), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }
}

/** The child's side: what its parent gave it. */
export function readConfig<T>(): T {
  return JSON.parse(process.env['DEMO_CONFIG'] ?? '{}') as T;
}
