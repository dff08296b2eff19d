/** Lets a random program run on a real server, and resets befall it. */
import { setTimeout as delay } from 'node:timers/promises';

import { until } from '../support/waiting';
import type { CellRun } from './cell-run';
import type { Charge } from './matrix';
import type { Program, Reset } from './program';
import { progress, tell } from './program-workflow';

/** What the provider holds back, it answers after this time at most. */
const heldMs = 300;
const betweenTellingsMs = 150;
const longestAskedMs = 2000;

/** The task queue whose workers are replaced. */
export const ofReplaced = '-replaced';

/** What was seen of one program. */
export interface Seen {
  /** The result of every run that ended: each time all of the charges. */
  readonly results: readonly (readonly Charge[])[];
  readonly resets: number;
}

export class ProgramRun {
  private readonly results: Charge[][] = [];
  private readonly asking: Promise<unknown>[] = [];
  private resets = 0;
  /** The first of the runs that follow from one another, up to the current one. */
  private first = '';

  constructor(
    private readonly run: CellRun,
    private readonly program: Program,
  ) {}

  async toTheEnd(): Promise<Seen> {
    const { run, program } = this;
    const { runs, told, faults, resets, isHandedOn } = program;
    const { stage, column } = run;
    const taskQueue = isHandedOn ? stage.taskQueue(column, ofReplaced) : stage.taskQueue(column);
    run.account.plan('a', ...faults.a);
    run.account.plan('b', ...faults.b);
    const answering = setInterval(() => run.account.answer(), heldMs);
    try {
      this.first = await run.start({ args: [{ runs, told }], isRetried: told.length === 0, taskQueue });
      const telling = this.tellAll();
      telling.catch(() => undefined); // heard of below
      for (const reset of resets) await this.reset(reset);
      await telling;
      this.results.push(await run.result(this.first));
      await this.othersHaveEnded();
    } finally {
      clearInterval(answering);
      await Promise.all(this.asking);
    }
    return { results: this.results, resets: this.resets };
  }

  private async tellAll(): Promise<void> {
    const { told } = this.program;
    for (const which of told.keys()) {
      await delay(betweenTellingsMs);
      await this.run.handle().signal(tell, which);
      this.ask();
    }
  }

  /** A query must not change anything; whether it gets an answer in time does not matter. */
  private ask(): void {
    const { run } = this;
    const ask = () => run.handle().query(progress);
    const answer = run.client.withDeadline(Date.now() + longestAskedMs, ask);
    this.asking.push(answer.catch(() => undefined));
  }

  private async reset({ run: nth, task, afterMs }: Reset): Promise<void> {
    const { run } = this;
    if (afterMs === undefined) this.results.push(await run.result(this.first));
    else await delay(afterMs);
    const chain = await run.chain(this.first);
    const runId = chain[nth % chain.length] ?? '';
    const tasks = (await run.events(runId)).filter((e) => e.workflowTaskCompletedEventAttributes).length;
    if (tasks === 0) return; // it has not even begun
    this.first = await run.reset(runId, (task % tasks) + 1);
    this.resets++;
  }

  /** Children of runs that were reset go on. */
  private async othersHaveEnded(): Promise<void> {
    const { client, workflowId } = this.run;
    await until(async () => {
      const query = `RootWorkflowId = ${JSON.stringify(workflowId)} AND ExecutionStatus = 'Running'`;
      return (await client.workflow.count(query)).count === 0;
    });
  }
}
