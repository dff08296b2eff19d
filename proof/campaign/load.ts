/** A steady load of intents: workflows, and calls of plain guards that somebody makes again until they have an answer. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Client } from '@temporalio/client';

import type { Call, Called } from './caller-process';
import type { Member } from './fleet';
import type { Random } from './random';
import {
  declinedSuffix,
  kinds,
  kindsOf,
  times,
  type Answer,
  type Kind,
  type PlainKind,
  type WorkflowKind,
} from './terms';
import type { work } from './workflows';

/** One intent, and everything that its callers were told. */
export interface Intent {
  readonly intent: string;
  readonly kind: Kind;
  /** By `performance.now()`. */
  readonly startedAt: number;
  endedAt?: number;
  readonly answers: Answer[];
  /** How often it was called for; of workflows that is found in their histories. */
  calls: number;
  readonly workflowId?: string;
}

/** Declined ones say something only if their "no" is not doubted for ever, as it is under `'retry'`. */
const declinedShare = 0.08;
const mayBeDeclined: readonly Kind[] = ['probe', 'hold', 'plain-probe', 'plain-hold'];

const pauseMs = 250;
const againMs = 400;
/** A call that says nothing for so long is made again, elsewhere if possible. */
const longestCallMs = times.attemptMs;

export class Load {
  readonly intents: Intent[] = [];
  private isOver = false;
  private calls = 0;
  private readonly waiting = new Map<number, (called: Called | undefined) => void>();
  private lanes: Promise<void>[] = [];

  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
    private readonly callers: readonly Member[],
    private readonly random: Random,
  ) {
    for (const caller of callers) {
      caller.onMessage = (message) => this.waiting.get((message as Called).call)?.(message as Called);
    }
  }

  start(workflows: number, calls: number): void {
    const lanes = (count: number, once: () => Promise<void>): Promise<void>[] =>
      Array.from({ length: count }, async () => {
        while (!this.isOver) {
          await once();
          await delay(pauseMs);
        }
      });
    this.lanes = [...lanes(workflows, () => this.workflow()), ...lanes(calls, () => this.plain())];
  }

  /** Lets no new intent start; whether all of them ended in time. */
  async end(limitMs: number): Promise<boolean> {
    this.isOver = true;
    const rest = Promise.all(this.lanes).then(() => true);
    return Promise.race([rest, delay(limitMs, false, { ref: false })]);
  }

  /**
   * Makes those calls once more whose receipt is still open: where the settlement was lost, and the caller has its answer,
   * only a later caller finds out (there is no history outside of Temporal). It has to get the same.
   */
  async again(names: ReadonlySet<string>): Promise<void> {
    const open = this.intents.filter(({ intent, kind }) => names.has(intent) && kinds[kind] === 'plain');
    await Promise.all(
      open.map(async (intent) => {
        const caller = this.random.pick(this.callers);
        const called = await this.call(intent, intent.kind as PlainKind, caller);
        if (called?.answer) intent.answers.push(called.answer);
      }),
    );
  }

  get open(): Intent[] {
    return this.intents.filter(({ endedAt }) => endedAt === undefined);
  }

  private next(kind: Kind, workflowId?: string): Intent {
    const declined = mayBeDeclined.includes(kind) && this.random.chance(declinedShare) ? declinedSuffix : '';
    const intent: Intent = {
      intent: `${kind}:${this.intents.length + 1}${declined}`,
      kind,
      startedAt: performance.now(),
      answers: [],
      calls: 0,
      ...(workflowId === undefined ? {} : { workflowId }),
    };
    this.intents.push(intent);
    return intent;
  }

  private async workflow(): Promise<void> {
    const workflowId = `campaign-${this.intents.length + 1}`;
    const some = this.random.shuffled(kindsOf<WorkflowKind>('workflow')).slice(0, 2);
    const intents = some.map((kind) => this.next(kind, workflowId));
    const handle = await this.client.workflow.start<typeof work>('work', {
      args: [intents.map(({ kind, intent }) => ({ kind: kind as WorkflowKind, intent }))],
      taskQueue: this.taskQueue,
      workflowId,
      workflowTaskTimeout: '3s',
    });
    const answers = await handle.result().catch(() => []);
    intents.forEach((intent, i) => end(intent, answers[i]));
  }

  /** One of four is asked for by two callers at once, who have to get the same. */
  private async plain(): Promise<void> {
    const kind = this.random.pick(kindsOf<PlainKind>('plain'));
    const intent = this.next(kind);
    const racers = this.random.chance(0.25) ? 2 : 1;
    const first = Math.floor(this.random.next() * this.callers.length);
    const answers = await Promise.all(
      Array.from({ length: racers }, (_, i) => this.untilAnswered(intent, kind, first + i)),
    );
    for (const answer of answers) end(intent, answer);
  }

  private async untilAnswered(intent: Intent, kind: PlainKind, first: number): Promise<Answer> {
    for (let turn = first; ; turn++) {
      const called = await this.call(intent, kind, this.callers[turn % this.callers.length] as Member);
      if (called?.answer) return called.answer;
      await delay(againMs);
    }
  }

  private async call(intent: Intent, kind: PlainKind, caller: Member): Promise<Called | undefined> {
    const call: Call = { call: ++this.calls, kind, intent: intent.intent };
    if (!caller.send(call)) return undefined;
    intent.calls++;
    const called = new Promise<Called | undefined>((resolve) => {
      this.waiting.set(call.call, resolve);
      setTimeout(() => resolve(undefined), longestCallMs).unref();
    });
    return called.then((answer) => {
      // What comes later is an answer all the same, and has to be the same.
      this.waiting.set(call.call, (late) => late?.answer && intent.answers.push(late.answer));
      return answer;
    });
  }
}

function end(intent: Intent, answer: Answer | undefined): void {
  if (!answer) return;
  intent.answers.push(answer);
  intent.endedAt = performance.now();
}
