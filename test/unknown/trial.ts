/** One intent whose worker is killed: what is done around the kill, and how its end is judged. */
import { setTimeout as delay } from 'node:timers/promises';

import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';

import { isUnresolved, type Receipt } from '../../src/core';
import { within } from '../../src/testing/bounded';
import { until } from '../support/waiting';
import type { Account, Fate } from './provider';
import type { Stage } from './stage';
import { lookEveryMs, type Charge, type Terms } from './terms';
import { pay } from './workflows';

/** The rows of the table. */
export const rows = [
  'probe',
  'probe, on the wire',
  'probe, lost',
  'history',
  'hold',
  'contested',
  'early',
  'late',
  'forged',
] as const;
export type Row = (typeof rows)[number];

/** What happens to one intent. */
export interface Scenario {
  readonly row: Row;
  readonly terms: Terms;
  readonly fate: Fate;
  /** Before its workflow starts. */
  readonly before?: (trial: Trial) => Promise<void>;
  /** While its worker waits for the provider. */
  readonly whileClaimed?: (trial: Trial) => Promise<void>;
  /** Beside the workers that come after. */
  readonly afterKill?: (trial: Trial) => Promise<void>;
  /** When its workflow has its result. */
  readonly atTheEnd?: (trial: Trial) => Promise<void>;
}

const longestResultMs = 150_000;
const longestAnyMs = 15_000;
/** The next attempt comes so long after the first began: some before the outcome is known, some after. */
const startToCloseMs = { least: 2500, most: 5000 };

export class Trial {
  readonly account: Account;
  readonly problems: string[] = [];
  /** What the workflow has to get. */
  expected: 'charge' | 'compensated' = 'charge';
  /** At the kill the effect was as the scenario says, and the receipt was not settled. */
  wasAsMeant = false;
  /** What had to be done before the kill came too late. */
  wasMissed = false;
  /** Nobody found out, or the workflow did not go on. */
  isStuck = false;
  /** Its worker was killed in this batch. */
  batch = 0;
  killedAt = 0;
  resolvedMs: number | undefined;
  /** The command line listed it. */
  isListed = false;
  /** The queue of those who come after. */
  private thenOn = '';
  private handle: WorkflowHandle<typeof pay> | undefined;

  constructor(
    readonly stage: Stage,
    readonly scenario: Scenario,
    readonly intent: string,
  ) {
    this.account = stage.provider.open(intent, scenario.fate);
  }

  async receipt(): Promise<Receipt | undefined> {
    return (await this.stage.look(this.intent))?.receipt;
  }

  async start(taskQueue: string, thenOn: string): Promise<void> {
    await this.scenario.before?.(this);
    this.thenOn = thenOn;
    this.handle = await this.pay(this.intent, taskQueue);
  }

  /** Another workflow with the same intent gets the same result. */
  async callAgain(): Promise<void> {
    const handle = await this.pay(`${this.intent} again`, this.thenOn);
    const result = await within(longestResultMs, handle.workflowId, handle.result());
    this.compare(result);
  }

  /** Waits until its worker may be killed. */
  async isThere(): Promise<void> {
    const { fate } = this.scenario;
    await until(async () => {
      if (fate === 'answered') return this.hasCompleted();
      if (fate === 'elsewhere') return (await this.receipt())?.state === 'unknown';
      return this.account.hasArrived;
    });
    await this.scenario.whileClaimed?.(this);
  }

  /** Looks at what its worker has left. */
  async lookAtRemains(killedAt: number): Promise<void> {
    const { account, scenario } = this;
    this.killedAt = killedAt;
    const isDoneLater = scenario.fate === 'on-the-wire' || scenario.fate === 'lost';
    const { effects } = account;
    const state = (await this.receipt())?.state;
    this.wasAsMeant =
      !this.wasMissed &&
      effects === (isDoneLater ? 0 : 1) &&
      (account.hasArrived || scenario.fate === 'elsewhere') &&
      (state === 'claimed' || state === 'unknown');
  }

  /** Sees it through. Never throws: what goes wrong is a problem of this trial. */
  async toTheEnd(): Promise<void> {
    if (!this.wasAsMeant) return this.toAnyEnd();
    const { scenario } = this;
    const [result, acting] = await Promise.allSettled([this.result(), scenario.afterKill?.(this)]);
    if (acting.status === 'rejected') this.problem(acting.reason);
    if (result.status === 'rejected') {
      this.problem(result.reason);
      this.isStuck = true;
      await this.giveUp();
    } else {
      await scenario.atTheEnd?.(this).catch((error: unknown) => this.problem(error));
      await this.judge(result.value);
    }
    if (this.account.effects !== 1) this.problems.push(`${this.account.effects} effects`);
  }

  /** Whatever the kill has hit, nothing happens twice. Nobody need find out. */
  private async toAnyEnd(): Promise<void> {
    await Promise.race([this.result().catch(() => undefined), delay(longestAnyMs)]);
    await this.giveUp();
    if (this.account.effects > 1) this.problems.push(`${this.account.effects} effects`);
  }

  async giveUp(): Promise<void> {
    await this.handle?.terminate().catch(() => undefined);
  }

  problem(error: unknown): void {
    this.problems.push(error instanceof Error ? error.message : String(error));
  }

  /** Looks on for a while that nobody decides, and nothing runs. */
  async staysOpen(forMs: number): Promise<void> {
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      const receipt = await this.receipt();
      if (!receipt || !(isUnresolved(receipt) || receipt.state === 'claimed'))
        throw new Error(`it became ${receipt?.state} although nobody may decide that`);
      await delay(lookEveryMs);
    }
  }

  private async judge(result: readonly Charge[] | 'compensated'): Promise<void> {
    const receipt = await this.receipt();
    if (receipt?.settledAt === undefined) this.problems.push(`the receipt is ${receipt?.state}`);
    else this.resolvedMs = Date.parse(receipt.settledAt) - this.killedAt;
    this.compare(result);
  }

  private compare(result: readonly Charge[] | 'compensated'): void {
    const { charge } = this.account;
    const expected = this.expected === 'compensated' ? 'compensated' : [charge, charge];
    if (JSON.stringify(result) !== JSON.stringify(expected))
      this.problems.push(`the workflow got ${JSON.stringify(result)}, not ${JSON.stringify(expected)}`);
  }

  private pay(id: string, taskQueue: string): Promise<WorkflowHandle<typeof pay>> {
    const { stage, scenario, intent, thenOn } = this;
    const { least, most } = startToCloseMs;
    // Where the kill comes after the first call there is no next attempt: one beside it, on a slow machine, would hold for ever.
    const startToClose =
      scenario.fate === 'answered' ? longestResultMs : Math.round(least + Math.random() * (most - least));
    return stage.client.workflow.start(pay, {
      args: [{ intent, terms: scenario.terms, taskQueue, thenOn, startToCloseMs: startToClose }],
      taskQueue: stage.workflowQueue,
      workflowId: stage.workflowId(id),
      workflowExecutionTimeout: '3m',
    });
  }

  private async result(): Promise<readonly Charge[] | 'compensated'> {
    const { handle } = this;
    if (!handle) throw new Error('it was not started');
    try {
      return await within(longestResultMs, `the end of ${this.intent}`, handle.result());
    } catch (error) {
      const cause = error instanceof WorkflowFailedError ? error.cause : undefined;
      const reason = cause instanceof ActivityFailure ? cause.cause : undefined;
      if (reason instanceof ApplicationFailure && reason.type === 'Compensated') return 'compensated';
      throw error;
    }
  }

  /** Whether Temporal has accepted the completion of the first call. */
  private async hasCompleted(): Promise<boolean> {
    const { events } = (await this.handle?.fetchHistory()) ?? {};
    return events?.some((event) => event.activityTaskCompletedEventAttributes != null) ?? false;
  }
}
