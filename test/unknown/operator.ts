/** Persons with the command line, each command a process of its own. */
import { setTimeout as delay } from 'node:timers/promises';

import type { TestStack } from 'activity-guard/testing';
import { hashedRequestId, hashRequestId } from '../../src/ids';
import { runCli, type Ended } from '../support/cli-process';
import { Limit } from './limit';
import { lookEveryMs } from './terms';

/** Processes at a time: the machine has workers to run, too. */
const atOnce = 3;
const longestListedMs = 30_000;

/** What the command line shows of a receipt, as far as it is used here. */
interface Shown {
  readonly leaseRemainingMs: number;
  readonly graceMs: number;
  readonly token: string;
}

export class Operator {
  private readonly limit = new Limit(atOnce);
  private readonly lists = new Map<string, Promise<ReadonlySet<string>>>();
  /** How many processes there were. */
  commands = 0;

  /** @param stack where the command line finds the receipts, and those whom it wakes */
  constructor(
    private readonly stack: Pick<TestStack, 'databaseUrl' | 'temporalAddress' | 'temporalNamespace'>,
  ) {}

  /** Waits until `list` has the intent. */
  async whenListed(intent: string, state: 'unknown' | 'contested'): Promise<void> {
    const end = performance.now() + longestListedMs;
    const requestId = hashedRequestId(hashRequestId(intent));
    while (!(await this.list(state)).has(requestId)) {
      if (performance.now() > end) throw new Error(`${intent} was never listed as ${state}`);
      await delay(lookEveryMs);
    }
  }

  /** @param isUrgent before all others who wait for the command line */
  async show(intent: string, isUrgent = false): Promise<Shown> {
    return JSON.parse((await this.successful(['show', intent], isUrgent)).out) as Shown;
  }

  /** Decides by the token of what was seen. */
  async resolve(intent: string, token: string, ...decision: readonly string[]): Promise<Ended> {
    const why = ['--token', token, '--reason', 'seen in the console', '--by', 'Ann'];
    return this.run(['resolve', intent, ...why, ...decision]);
  }

  /** One process lists for all who wait at the time. */
  private list(state: string): Promise<ReadonlySet<string>> {
    const listing =
      this.lists.get(state) ??
      this.successful(['list', '--state', state, '--limit', '100000'])
        .then(({ out }) => new Set((JSON.parse(out) as { requestId: string }[]).map((r) => r.requestId)))
        .finally(() => this.lists.delete(state));
    this.lists.set(state, listing);
    return listing;
  }

  private async successful(args: readonly string[], isUrgent = false): Promise<Ended> {
    const ended = await this.run([...args, '--json'], isUrgent);
    if (ended.code !== 0) throw new Error(`activity-guard ${args.join(' ')}: ${ended.err}`);
    return ended;
  }

  private run(args: readonly string[], isUrgent = false): Promise<Ended> {
    this.commands++;
    const { databaseUrl, temporalAddress, temporalNamespace } = this.stack;
    const env = {
      ...{
        DATABASE_URL: databaseUrl,
        TEMPORAL_ADDRESS: temporalAddress,
        TEMPORAL_NAMESPACE: temporalNamespace,
      },
    };
    return this.limit.run(() => runCli(args, { env }), isUrgent);
  }
}
