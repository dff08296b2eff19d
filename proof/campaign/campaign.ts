/** One campaign: servers and processes up, load and faults for a while, rest, and the checker's word. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startTemporalServer } from 'activity-guard/testing';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { freePort } from '../../src/testing/ports';
import { startReaper, type Reaper } from '../../src/testing/reaper';
import { quiet } from '../../test/support/quiet';
import type { CallerConfig } from './caller-process';
import { check, type Broken, type Seen } from './checker';
import { asCharge, readHistory, readLedger, readReceipts } from './collect';
import { Database } from './database';
import { FaultInjector } from './faults';
import { Member } from './fleet';
import { Load } from './load';
import { Operator } from './operator';
import { Payments } from './payments';
import { Random } from './random';
import { resultOf, type Result } from './result';
import { sharedClock, times } from './terms';
import { Watcher } from './watcher';
import type { WorkerConfig } from './worker-process';

export interface Settings {
  readonly seconds: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

const taskQueue = 'campaign';
const lanes = { workflows: 10, calls: 10 };
const mostSampleMs = 60_000;

/** Undone in the opposite order, also where the start fails half-way. */
class Cleanup {
  private readonly steps: (() => Promise<unknown>)[] = [];

  add(step: () => Promise<unknown>): void {
    this.steps.unshift(step);
  }

  async run(): Promise<void> {
    for (const step of this.steps) await step().catch(() => undefined);
  }
}

interface Stage {
  readonly database: Database;
  readonly client: Client;
  readonly receipts: PostgresReceipts;
  readonly provider: Member;
  readonly workers: readonly Member[];
  readonly callers: readonly Member[];
  readonly payments: Payments;
  readonly ledger: string;
}

async function bundle(receipts: PostgresReceipts, folder: string): Promise<string> {
  const path = join(folder, 'workflows.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('./workflows'),
    plugins: [new ActivityGuardPlugin({ receipts })],
    logger: quiet,
  });
  writeFileSync(path, code);
  return path;
}

async function startStage({ seed }: Settings, cleanup: Cleanup, reaper: Reaper): Promise<Stage> {
  const folder = reaper.makeFolder('activity-guard-campaign-');
  const temporal = await startTemporalServer();
  cleanup.add(temporal.stop);
  const database = await Database.start();
  cleanup.add(() => database.stop());
  const receipts = pgReceipts({ connectionString: database.url, max: 3 });
  cleanup.add(() => receipts.close());
  await receipts.migrate();
  await database.asSuperuser((client) =>
    client.query(
      'create table bookings (id bigint generated always as identity, intent text); create table filler (t text)',
    ),
  );
  const connection = await Connection.connect({ address: temporal.address });
  cleanup.add(() => connection.close());
  const client = new Client({ connection });
  const ledger = join(folder, 'ledger.jsonl');
  writeFileSync(ledger, '');
  const port = await freePort();
  const providerUrl = `http://127.0.0.1:${port}`;
  const member = (name: string, file: string, args: () => readonly string[]): Member => {
    const made = new Member(reaper, name, join(__dirname, `${file}-process.js`), args);
    cleanup.add(() => made.close());
    return made;
  };
  let starts = 0;
  const provider = member('provider', 'provider', () => [
    ledger,
    String(port),
    String(seed + 1000 * starts++),
  ]);
  const bundlePath = await bundle(receipts, folder);
  const { proxied, pooled } = database;
  const worker = (name: string, databaseUrl: string): Member => {
    const config: WorkerConfig = {
      address: temporal.address,
      taskQueue,
      databaseUrl,
      providerUrl,
      bundlePath,
    };
    return member(name, 'worker', () => [JSON.stringify(config)]);
  };
  const caller = (name: string, driver: CallerConfig['driver'], databaseUrl: string): Member =>
    member(name, 'caller', () => [
      JSON.stringify({ driver, databaseUrl, providerUrl } satisfies CallerConfig),
    ]);
  const workers = [worker('worker 1', proxied), worker('worker 2', pooled), worker('worker 3', proxied)];
  const callers = [
    caller('caller 1', 'pg', proxied),
    caller('caller 2', 'postgres', proxied),
    caller('caller 3', 'pg', pooled),
  ];
  await Promise.all([provider, ...workers, ...callers].map((each) => each.start()));
  return {
    database,
    client,
    receipts,
    provider,
    workers,
    callers,
    payments: new Payments(providerUrl),
    ledger,
  };
}

/** Runs a campaign and says what came of it. Throws where its own servers fail. */
export async function runCampaign(settings: Settings): Promise<Result> {
  const cleanup = new Cleanup();
  const reaper = startReaper();
  cleanup.add(reaper.finish);
  try {
    settings.log(`seed ${settings.seed}, ${settings.seconds} s`);
    const stage = await startStage(settings, cleanup, reaper);
    return await runOn(stage, settings);
  } finally {
    await cleanup.run();
  }
}

async function runOn(stage: Stage, settings: Settings): Promise<Result> {
  const { database, client, callers, workers } = stage;
  const { seed, seconds, log } = settings;
  const load = new Load(client, taskQueue, callers, new Random(seed));
  const sampleEveryMs = Math.min(mostSampleMs, (seconds * 1000) / 8);
  const watcher = new Watcher(database, load, [...workers, ...callers], sampleEveryMs);
  const operator = new Operator(stage.receipts, stage.payments, client);
  const faults = new FaultInjector(stage, log);
  const startedAt = sharedClock();
  load.start(lanes.workflows, lanes.calls);
  operator.start();
  watcher.start();
  faults.start(seed + 1);
  await delay(seconds * 1000);
  await faults.stop();
  log(`${load.intents.length} intents; all faults have ended`);
  const healedAt = performance.now();
  await load.end(times.restMs);
  await untilSettled(stage, load, healedAt + times.restMs);
  const restMs = performance.now() - healedAt;
  log(`at rest after ${(restMs / 1000).toFixed(1)} s, ${load.open.length} intents open`);
  await operator.stop();
  await watcher.stop();
  const { seen, attempts } = await collect(stage, load, watcher.noticed);
  return resultOf({
    ...{ settings, seen, attempts, faults, watcher, restMs, startedAt, broken: check(seen) },
    evidence: await evidenceIn(stage),
    skipped: database.missing,
    deaths: [stage.provider, ...workers, ...callers].flatMap(({ deaths }) => deaths),
  });
}

/** Every claim gets a receipt, or the time is up and the checker names those that have none. */
async function untilSettled({ receipts }: Stage, load: Load, until: number): Promise<void> {
  while (performance.now() < until) {
    const open = await receipts.list({ states: ['claimed', 'unknown', 'released'] }).catch(() => undefined);
    if (open?.length === 0) return;
    await load.again(new Set(open?.map(({ origin }) => origin['payload.intent'] ?? '')));
    await delay(500);
  }
}

async function evidenceIn({ receipts }: Stage): Promise<Record<string, number>> {
  const { evidence } = await receipts.stats();
  return Object.fromEntries(evidence.map(({ source, verdict, count }) => [`${source}: ${verdict}`, count]));
}

async function collect(
  { database, client, receipts, ledger }: Stage,
  { intents }: Load,
  noticed: readonly Broken[],
): Promise<{ seen: Seen; attempts: Map<string, number> }> {
  const bookings = await database.asSuperuser(async (c) => (await c.query('select * from bookings')).rows);
  const workflowIds = new Set(intents.flatMap(({ workflowId }) => workflowId ?? []));
  const completed: Seen['completed'][number][] = [];
  const attempts = new Map<string, number>(intents.map(({ intent, calls }) => [intent, calls]));
  for (const workflowId of workflowIds) {
    const history = await readHistory(client, workflowId);
    completed.push(...history.completed);
    for (const [intent, count] of history.attempts) attempts.set(intent, count);
  }
  return {
    attempts,
    seen: {
      ...{ intents, noticed, completed, ledger: readLedger(ledger), bookings: bookings.map(asCharge) },
      receipts: await readReceipts(receipts),
    },
  };
}
