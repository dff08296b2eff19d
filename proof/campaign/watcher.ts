/** Looks at all receipts again and again: what is settled may not change or go, and epochs only grow. Takes samples. */
import { setTimeout as delay } from 'node:timers/promises';

import type { Broken } from './checker';
import type { Database } from './database';
import type { Member } from './fleet';
import type { Load } from './load';
import { sharedClock } from './terms';

const everyMs = 4000;

interface Row {
  readonly key: string;
  readonly intent: string;
  readonly epoch: number;
  readonly state: string;
  readonly outcome: string | null;
}

const text = `select key::text, origin->>'payload.intent' as intent, epoch, state, md5(outcome) as outcome from activity_guard.receipts`;
const isSettled = ({ state }: Row): boolean => state === 'committed' || state === 'rejected';

/** The state of a run at one moment. */
export interface Sample {
  readonly seconds: number;
  /** Resident memory of workers and callers together. */
  readonly memoryMiB: number;
  /** To Postgres. */
  readonly connections: number;
  readonly receipts: number;
  readonly unresolved: number;
  /** Of the intents that ended since the last sample. */
  readonly ended: number;
  readonly medianMs: number;
}

export class Watcher {
  readonly noticed: Broken[] = [];
  readonly samples: Sample[] = [];
  looks = 0;
  private isOver = false;
  private running: Promise<void> | undefined;
  private rows = new Map<string, Row>();
  private sampledAt = performance.now();
  private readonly startedAt = performance.now();

  constructor(
    private readonly database: Database,
    private readonly load: Load,
    private readonly members: readonly Member[],
    private readonly sampleEveryMs: number,
  ) {}

  start(): void {
    this.running = this.watch();
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async watch(): Promise<void> {
    while (!this.isOver) {
      await delay(everyMs);
      await this.look().catch(() => undefined); // the database is away
      if (performance.now() - this.sampledAt >= this.sampleEveryMs)
        await this.sample().catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    const { rows } = await this.database.asSuperuser((client) => client.query<Row>(text));
    this.looks++;
    const now = new Map(rows.map((row) => [row.key, row]));
    for (const [key, before] of this.rows) {
      const row = now.get(key);
      const say = (invariant: Broken['invariant'], what: string): void =>
        void this.noticed.push({ invariant, intent: before.intent, what, at: sharedClock() });
      if (!row) say(2, `the receipt (${before.state}) is gone`);
      else if (row.epoch < before.epoch) say(6, `its epoch fell from ${before.epoch} to ${row.epoch}`);
      else if (isSettled(before) && (row.state !== before.state || row.outcome !== before.outcome))
        say(2, `its receipt changed after it was ${before.state}`);
    }
    this.rows = now;
  }

  private async sample(): Promise<void> {
    const count = `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend'`;
    const connections = await this.database.asSuperuser(
      async (c) => (await c.query<{ n: number }>(count)).rows,
    );
    const took = this.load.intents
      .filter(({ endedAt }) => endedAt !== undefined && endedAt >= this.sampledAt)
      .map(({ startedAt, endedAt = 0 }) => endedAt - startedAt)
      .sort((a, b) => a - b);
    this.sampledAt = performance.now();
    const rows = [...this.rows.values()];
    this.samples.push({
      seconds: Math.round((this.sampledAt - this.startedAt) / 1000),
      memoryMiB: Math.round(this.members.reduce((sum, { memory }) => sum + memory, 0) / 2 ** 20),
      connections: connections[0]?.n ?? 0,
      receipts: rows.length,
      unresolved: rows.filter((row) => !isSettled(row)).length,
      ended: took.length,
      medianMs: Math.round(took[Math.floor(took.length / 2)] ?? 0),
    });
  }
}

/** Samples of the first and the last quarter may differ by so much and count as flat. */
export const flatShare = 0.3;

/** For each figure the mean of the first and of the last quarter, and whether it stayed. */
export function flatness(samples: readonly Sample[]) {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return undefined;
  const mean = (some: readonly Sample[], of: keyof Sample): number =>
    some.reduce((sum, sample) => sum + sample[of], 0) / some.length;
  const figures = ['memoryMiB', 'connections', 'unresolved', 'ended', 'medianMs'] as const;
  return Object.fromEntries(
    figures.map((figure) => {
      const first = mean(samples.slice(0, quarter), figure);
      const last = mean(samples.slice(-quarter), figure);
      const isFlat = Math.abs(last - first) <= flatShare * Math.max(first, last);
      return [figure, { first: Math.round(first), last: Math.round(last), isFlat }];
    }),
  );
}
