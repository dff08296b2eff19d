/** Processes of the benches' own: started, asked, ended. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { within } from '../src/testing/bounded';
import type { Reaper } from '../src/testing/reaper';

const startLimitMs = 60_000;
const answerLimitMs = 120_000;

interface Answer {
  readonly to: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** What a process of ours can be asked. */
export type Answers = Record<string, (argument: never) => unknown>;

/** A process that answers questions, and ends with this one. */
export class Child {
  private asked = 0;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly ended: Promise<unknown[]>;

  private constructor(private readonly process: ChildProcess) {
    this.ended = once(process, 'exit') as Promise<unknown[]>;
    process.on('message', (message: Answer) => this.waiting.get(message.to)?.(message));
    process.on('error', () => undefined);
    void this.ended.then(([code, signal]) => {
      const error = `the process ended (${String(code ?? signal)})`;
      for (const [to, answered] of this.waiting) answered({ to, error });
    });
  }

  /** Resolves once the script says that it is up. */
  static async start(reaper: Reaper, script: string, config: object): Promise<Child> {
    const child = new Child(
      reaper.spawn(process.execPath, ['--expose-gc', '--no-deprecation', script, JSON.stringify(config)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        stopSignal: 'SIGKILL',
      }),
    );
    await within(startLimitMs, `the start of ${script}`, child.answer(0));
    return child;
  }

  /** Rejects with what the other side throws. */
  async ask<T>(question: string, argument: object = {}): Promise<T> {
    const to = ++this.asked;
    const answer = this.answer(to);
    this.process.send({ to, question, argument }, () => undefined);
    return (await within(answerLimitMs, question, answer)) as T;
  }

  /** Asks it to end, and insists. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    this.ask('stop').catch(() => undefined);
    await this.ended;
    clearTimeout(timer);
  }

  private async answer(to: number): Promise<unknown> {
    const { value, error } = await new Promise<Answer>((resolve) => this.waiting.set(to, resolve));
    this.waiting.delete(to);
    if (error !== undefined) throw new Error(error);
    return value;
  }
}

/** The other side: answers until it is asked to stop, or the asking process is gone. */
export function serve(answers: Answers, stop: () => unknown): void {
  const send = (answer: Answer): void => void process.send?.(answer, undefined, {}, () => undefined);
  process.on('disconnect', () => process.exit(1));
  process.on('message', ({ to, question, argument }: { to: number; question: string; argument: never }) => {
    void (async () => {
      if (question === 'stop') return Promise.resolve(stop()).finally(() => process.exit(0));
      try {
        send({ to, value: await answers[question]?.(argument) });
      } catch (error) {
        send({ to, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      }
    })();
  });
  send({ to: 0 });
}

/** The other side's configuration. */
export const readConfig = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;

/** Ends a process that could not start, with its reason. */
export function failStart(error: unknown): never {
  console.error(error);
  process.exit(1);
}
