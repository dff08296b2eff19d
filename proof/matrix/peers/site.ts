/** One batch on a peer: its processes, and callers who call again as its documentation says. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

import { within } from '../../../src/testing/bounded';
import { ProviderClient } from '../provider-client';
import { okOnly, type Answer, type Site, type StartOptions, type Victim } from '../site';
import { times } from '../terms';
import type { Server, World } from '../world';
import type { PeerAnswer } from './peer-process';

export const startLimitMs = 60_000;
const pauseMs = 300;

/** A running peer. */
class PeerProcess implements Victim {
  private asked = 0;
  private readonly waiting = new Map<number, (answer: PeerAnswer) => void>();
  readonly ended: Promise<unknown>;
  isAlive = true;

  constructor(private readonly child: ChildProcess) {
    this.ended = once(child, 'exit').then(() => {
      this.isAlive = false;
      for (const [to, answered] of this.waiting) answered({ to, error: 'the process ended' });
    });
    child.on('error', () => undefined);
    child.stdin?.on('error', () => undefined);
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.hear(line));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async ready(): Promise<void> {
    const { error } = await within(startLimitMs, 'the start of a peer', this.answer(0));
    if (error !== undefined) throw new Error(error);
  }

  ask(intent: string): Promise<PeerAnswer> {
    if (!this.isAlive) return Promise.resolve({ to: -1, error: 'the process ended' });
    const to = ++this.asked;
    const answer = this.answer(to);
    this.child.stdin?.write(`${JSON.stringify({ to, intent })}\n`);
    return answer;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private async answer(to: number): Promise<PeerAnswer> {
    const answer = await new Promise<PeerAnswer>((resolve) => this.waiting.set(to, resolve));
    this.waiting.delete(to);
    return answer;
  }

  /** Lines of others are not for us. */
  private hear(line: string): void {
    if (!line.startsWith('{"to"')) return;
    const answer = JSON.parse(line) as PeerAnswer;
    this.waiting.get(answer.to)?.(answer);
  }
}

/** How a peer is started, and what it means that a call throws. */
export interface PeerKind {
  /** @param nth which of the processes beside each other */
  spawn(options: StartOptions, nth: number): Promise<ChildProcess>;
  /** A failure is kept, and is the answer to each later call. */
  readonly keepsFailures: boolean;
  readonly store: Server;
}

export class PeerSite implements Site {
  readonly decided = new Set<string>();
  readonly longestHeldMs = Infinity;
  readonly longestRaceMs = times.leaseMs * 0.8;
  private readonly processes: PeerProcess[] = [];
  private beside: Promise<Victim> | undefined;

  constructor(
    private readonly world: World,
    private readonly kind: PeerKind,
    /** The caller asks again when it has the result. */
    private readonly asksAgain: boolean,
  ) {}

  async start(options: StartOptions = {}): Promise<Victim> {
    const nth = this.processes.filter(({ isAlive }) => isAlive).length;
    const process = new PeerProcess(await this.kind.spawn(options, nth));
    this.processes.push(process);
    await process.ready();
    return process;
  }

  /** Where the first process lives on, the calls are made again there. */
  async succeed(): Promise<void> {
    if (!this.processes.some(({ isAlive }) => isAlive)) await this.start();
  }

  async call(intent: string, caller = 0): Promise<Answer> {
    const first = await this.untilAnswered(intent, caller);
    if (!this.asksAgain || first.kind !== 'value') return first;
    const provider = new ProviderClient(this.world.provider.url, times.boundMs);
    await provider.at('reported', intent);
    return this.untilAnswered(intent, caller);
  }

  private async untilAnswered(intent: string, caller: number): Promise<Answer> {
    const end = performance.now() + times.peerBoundMs;
    let reason = 'no answer';
    while (performance.now() < end) {
      const alive = this.processes.filter(({ isAlive }) => isAlive);
      const process = alive[caller] ?? alive[0];
      if (process) {
        const answer = await within(end - performance.now(), 'an answer', process.ask(intent)).catch(() => ({
          error: 'no answer',
          value: undefined,
        }));
        if (answer.error === undefined) return { kind: 'value', id: idOf(answer.value) };
        reason = answer.error;
        if (this.kind.keepsFailures && process.isAlive) return { kind: 'failed', reason };
      }
      await delay(pauseMs);
    }
    return { kind: 'open', reason };
  }

  /** On a process beside the first one, whose lease is over. */
  async callAgain(intent: string): Promise<{ readonly answer: Promise<Answer> }> {
    await (this.beside ??= this.start());
    await delay(times.leaseMs * 2);
    const answer = this.call(intent, 1);
    await delay(times.leaseMs * 2);
    return { answer };
  }

  reset(): Promise<Answer> {
    return Promise.reject(new Error('there are no workflows to reset'));
  }

  killStore(): Promise<void> {
    return this.world.crash(this.kind.store);
  }

  startStore(): Promise<void> {
    return this.world.restore(this.kind.store);
  }

  async killServers(): Promise<void> {}

  async startServers(): Promise<void> {}

  async leftOpen(): Promise<undefined> {}

  async stop(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.kill()));
  }
}

const idOf = (value: unknown): unknown =>
  value === null ? okOnly : (value as { id?: unknown } | undefined)?.id;
