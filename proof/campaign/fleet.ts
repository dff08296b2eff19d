/** The processes of a campaign: started again whenever they end, until they are closed. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { lines, within } from '../../src/testing/bounded';
import type { Reaper } from '../../src/testing/reaper';

const longestStartMs = 30_000;
const restartMs = 300;
/** Lines of its standard error that are kept. */
const mostSaid = 12;

export class Member {
  private child: ChildProcess | undefined;
  private isClosed = false;
  private isReady = false;
  isStopped = false;
  /** What it said last, each time when it ended without being killed by us. */
  readonly deaths: string[] = [];
  private said: string[] = [];
  private killing = false;
  onMessage: (message: unknown) => void = () => undefined;
  /** It ended: what it was asked has no answer. */
  onEnd: () => void = () => undefined;

  constructor(
    private readonly reaper: Reaper,
    readonly name: string,
    private readonly file: string,
    private readonly args: () => readonly string[],
  ) {}

  /** Resolves when it is ready for the first time. */
  async start(): Promise<void> {
    const ready = this.spawn();
    await within(longestStartMs, `the start of ${this.name}`, ready);
  }

  get isRunning(): boolean {
    return this.isReady && !this.isStopped;
  }

  get pid(): number | undefined {
    return this.isReady ? this.child?.pid : undefined;
  }

  /** Resident memory in bytes; 0 while it is away. */
  get memory(): number {
    try {
      const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
      return Number(kilobytes ?? 0) * 1024;
    } catch {
      return 0;
    }
  }

  send(message: object): boolean {
    if (!this.isReady || !this.child?.connected) return false;
    this.child.send(message, () => undefined);
    return true;
  }

  /** With SIGKILL; it is started again by itself. Whether there was something to kill. */
  async kill(): Promise<boolean> {
    const { child } = this;
    if (!this.isReady || !child || child.exitCode !== null || child.signalCode !== null) return false;
    this.killing = true;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    return true;
  }

  /** With SIGSTOP, for so long. */
  async pause(ms: number): Promise<boolean> {
    const { child } = this;
    if (!this.isRunning || !child) return false;
    this.isStopped = child.kill('SIGSTOP');
    await delay(ms);
    this.isStopped = false;
    return child.kill('SIGCONT') && child === this.child;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.kill();
    this.child?.kill('SIGKILL');
  }

  private spawn(): Promise<void> {
    const child = this.reaper.spawn(process.execPath, [this.file, ...this.args()], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      stopSignal: 'SIGKILL',
    });
    this.child = child;
    child.on('error', () => undefined);
    this.said = [];
    child.stderr?.on(
      'data',
      lines((line) => {
        this.said.push(line);
        if (this.said.length > mostSaid) this.said.shift();
      }),
    );
    child.once('close', () => void this.restart());
    return new Promise((resolve) =>
      child.on('message', (message) => {
        if (message !== 'ready') return this.onMessage(message);
        this.isReady = true;
        resolve();
      }),
    );
  }

  private async restart(): Promise<void> {
    if (!this.killing) this.deaths.push(`${this.name}: ${this.said.slice(-mostSaid).join(' | ')}`);
    this.killing = false;
    this.isReady = false;
    this.onEnd();
    await delay(restartMs);
    if (!this.isClosed) void this.spawn();
  }
}
