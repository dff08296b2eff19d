/** Promotions under load, and after each of them: what of that which callers were told is gone. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { pgReceipts } from 'activity-guard/pg';
import { Child } from '../../bench/child';
import { until } from '../../src/testing/bounded';
import { startReaper } from '../../src/testing/reaper';
import { FlakyProxy } from '../../test/support/flaky-proxy';
import { Random } from '../campaign/random';
import { ReplicatedPostgres } from '../replicated-postgres';
import type { Answered, ClaimTold, LoadConfig, LoadCounts, Result, SettlementTold, Told } from './terms';

export interface Settings {
  readonly promotions: number;
  readonly seed: number;
  readonly synchronous: boolean;
  readonly log: (line: string) => void;
}

const settings = ['wal_retrieve_retry_interval=200ms', 'max_wal_size=128MB', 'min_wal_size=32MB'];
/** Between two promotions; less, and the load proves little. */
const leastClaims = 1000;
const loadLimitMs = 60_000;
/** How long the standby gets nothing before every second kill. */
const stallMs = { least: 50, most: 300 };

interface Row {
  readonly key: string;
  readonly token: string | null;
  readonly epoch: number;
  readonly state: string;
}

export class Failovers {
  private readonly claims: ClaimTold[] = [];
  private readonly settlements: SettlementTold[] = [];
  private readonly answered: Answered[] = [];
  private readonly afterLoss: Answered[] = [];
  /** Tokens of claims and keys of settlements that a promoted server did not have. */
  private readonly lost = { claims: new Set<string>(), settlements: new Set<string>() };
  private readonly between: number[] = [];
  private readonly open: number[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly servers: ReplicatedPostgres,
    private readonly proxy: FlakyProxy,
    private readonly load: Child,
    private readonly ledger: string,
  ) {}

  async run(): Promise<Result> {
    const begun = performance.now();
    const random = new Random(this.settings.seed);
    for (let i = 0; i < this.settings.promotions; i++) await this.promote(i, random);
    await this.load.ask('finish');
    await this.collect();
    await this.findLost(this.claims, this.settlements);
    return this.result((performance.now() - begun) / 1000);
  }

  private async promote(i: number, random: Random): Promise<void> {
    const { servers, proxy, load } = this;
    const enough = this.claims.length + leastClaims;
    const counts = (): Promise<LoadCounts> => load.ask<LoadCounts>('counts');
    if (!(await until(loadLimitMs, 50, async () => (await counts()).claims >= enough)))
      throw new Error(`fewer than ${leastClaims} claims in ${loadLimitMs / 1000} s`);
    const stalledMs = i % 2 === 0 ? Math.round(random.between(stallMs.least, stallMs.most)) : 0;
    const signal = random.pick(['SIGQUIT', 'SIGKILL'] as const);
    if (stalledMs > 0) servers.stall();
    await delay(stalledMs);
    this.open.push((await counts()).open);
    await servers.kill(signal);
    await proxy.refuse();
    await servers.promote();
    // Nobody can write meanwhile: what is missing here is lost, whoever writes it anew later.
    const before = this.claims.length;
    const told = await this.collect();
    this.between.push(this.claims.length - before);
    const lost = await this.findLost(told.claims, told.settlements);
    proxy.retarget(servers.url);
    await proxy.listen();
    await servers.addStandby();
    if (lost.length > 0) this.afterLoss.push(...(await load.ask<Answered[]>('again', lost)));
    this.settings.log(
      `promotion ${i + 1}: ${signal}${stalledMs > 0 ? `, standby stalled for ${stalledMs} ms` : ''}, ` +
        `${this.claims.length - before} claims, ${lost.length} intents lost`,
    );
  }

  /** Takes in what the load was told since the last time. */
  private async collect(): Promise<{ claims: ClaimTold[]; settlements: SettlementTold[] }> {
    const lines = await this.load.ask<Told[]>('told');
    const claims = lines.filter((line) => line.type === 'claimed');
    const settlements = lines.filter((line) => line.type === 'settled');
    this.claims.push(...claims);
    this.settlements.push(...settlements);
    this.answered.push(...lines.filter((line) => line.type === 'answered'));
    return { claims, settlements };
  }

  /** Looks these up at the primary of now; the request ids of what is not there. */
  private async findLost(
    claims: readonly ClaimTold[],
    settlements: readonly SettlementTold[],
  ): Promise<string[]> {
    const keys = [...new Set([...claims, ...settlements].map(({ key }) => key))];
    const text = `select key::text, token::text, epoch, state from activity_guard.receipts where key = any($1::uuid[])`;
    const rows = await this.servers.asSuperuser(
      async (client) => (await client.query<Row>(text, [keys])).rows,
    );
    const byKey = new Map(rows.map((row) => [row.key, row]));
    const lostKeys = new Set<string>();
    for (const { key, token, epoch } of claims) {
      const row = byKey.get(key);
      if (row && (row.epoch > epoch || row.token === token)) continue;
      this.lost.claims.add(token);
      lostKeys.add(key);
    }
    for (const { key, state } of settlements) {
      if (byKey.get(key)?.state === state) continue;
      this.lost.settlements.add(key);
      lostKeys.add(key);
    }
    return [...new Set(this.claims.flatMap(({ key, id }) => (lostKeys.has(key) ? id : [])))];
  }

  private async result(seconds: number): Promise<Result> {
    const { lost, settings: asked, between, open } = this;
    const effects = countBy(readFileSync(this.ledger, 'utf8').split('\n').filter(Boolean));
    const { timeline, postgres } = await this.servers.asSuperuser(async (client) => {
      const text = `select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline, current_setting('server_version') as postgres`;
      return (await client.query<{ timeline: string; postgres: string }>(text)).rows[0] as never;
    });
    const found = {
      mode: asked.synchronous ? 'synchronous' : 'asynchronous',
      promotions: Number.parseInt(timeline, 16) - 1,
      claims: this.claims.length,
      lost: lost.claims.size,
      settled: this.settlements.length,
      settledLost: lost.settlements.size,
      intents: this.answered.length,
      effects: Object.values(effects).reduce((sum, count) => sum + count, 0),
      doubled: Object.values(effects).filter((count) => count > 1).length,
      missing: this.answered.filter(({ id, answer }) => answer === 'ok' && !effects[id]).length,
      answers: countBy(this.answered.map(({ answer }) => answer)),
      afterLoss: countBy(this.afterLoss.map(({ answer }) => answer)),
      leastClaims: Math.min(...between),
      leastOpen: Math.min(...open),
      ...{ postgres, seconds: Math.round(seconds), seed: asked.seed },
    } as const;
    return { ...found, tooLittle: tooLittle(found, asked) };
  }
}

const countBy = (texts: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
};

/** What a run has to have met to say anything. */
function tooLittle(found: Omit<Result, 'tooLittle'>, { promotions, synchronous }: Settings): string[] {
  const reasons: readonly (readonly [boolean, string])[] = [
    [found.promotions !== promotions, `${found.promotions} promotions of ${promotions}`],
    [
      found.leastClaims < leastClaims,
      `${found.leastClaims} claims before a promotion, ${leastClaims} at least`,
    ],
    [found.leastOpen === 0, 'a primary was killed while nobody called'],
    [found.settled < found.claims / 2, `${found.settled} settlements of ${found.claims} claims`],
    [!synchronous && found.lost === 0, 'no claim was lost, though no commit waited for the standby'],
    [!synchronous && !found.afterLoss['OutcomeUnknown'], 'no later attempt met a claim that was lost'],
  ];
  return reasons.flatMap(([isSo, reason]) => (isSo ? reason : []));
}

/** Whether what was found is as it has to be. */
export const isGood = ({ mode, lost, settledLost, doubled, missing, tooLittle: little }: Result): boolean =>
  (mode === 'asynchronous' || lost + settledLost === 0) && doubled + missing + little.length === 0;

/** Runs promotions and says what came of them. Throws where its own servers fail. */
export async function runFailovers(asked: Settings): Promise<Result> {
  const reaper = startReaper();
  const ends: (() => Promise<unknown>)[] = [reaper.finish];
  try {
    const servers = await ReplicatedPostgres.start(settings, asked);
    ends.unshift(() => servers.dispose());
    const proxy = await FlakyProxy.before(servers.url);
    ends.unshift(() => proxy.close());
    const receipts = pgReceipts({ connectionString: servers.url, max: 1 });
    await receipts.migrate().finally(() => receipts.close());
    const ledger = join(reaper.makeFolder('activity-guard-failover-'), 'ledger');
    writeFileSync(ledger, '');
    const config: LoadConfig = { databaseUrl: proxy.through(servers.url), ledger };
    const load = await Child.start(reaper, join(__dirname, 'load-process.js'), config);
    ends.unshift(() => load.stop());
    return await new Failovers(asked, servers, proxy, load, ledger).run();
  } finally {
    for (const end of ends) await end().catch(() => undefined);
  }
}
