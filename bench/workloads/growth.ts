/** A table that grows to a million receipts under sessions that knew it empty. */
import { randomUUID } from 'node:crypto';

import { Guarded, newId, payloadOf, seed } from '../contenders';
import { drive, percentiles, spreads } from '../measure';
import { oursOn } from '../ours';
import { timing } from '../step-times';
import { figure, range } from '../table';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const sizes = { full: [2000, 250_000, 500_000, 1_000_000], quick: [2000, 100_000] };
const concurrency = 32;
const rowsAtOnce = 50_000;

/** Copies of a settled receipt under random keys, whatever columns there are. */
async function growTo({ pool, schema }: Guarded, rows: number): Promise<void> {
  const { rows: counted } = await pool.query(`select count(*) from ${schema}.receipts`);
  for (let left = rows - Number((counted[0] as { count: string }).count); left > 0; left -= rowsAtOnce) {
    await pool.query(
      `insert into ${schema}.receipts
select copy.* from (select r as receipt from ${schema}.receipts r limit 1) as one, generate_series(1, $1::integer) as n,
  lateral jsonb_populate_record(one.receipt, jsonb_build_object('key', gen_random_uuid(), 'token', gen_random_uuid(),
    'request_id', $2::text || n)) as copy`,
      [Math.min(left, rowsAtOnce), `grown:${randomUUID()}:`],
    );
  }
}

async function measureAt(bench: Bench, guarded: Guarded, rows: number) {
  const payload = payloadOf(200);
  const { rounds, warmMs, ms } = bench.effort;
  const samples = [];
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    const times = { claim: [], settle: [] };
    let [intents, effects] = [0, 0];
    const run = oursOn(timing(guarded.store, times));
    const sample = await drive(
      () => {
        intents++;
        return run(newId(), payload, () => {
          effects++;
          return payload;
        });
      },
      { concurrency, warmMs, ms },
    );
    assertCount('effects in a growing table', effects, intents);
    const { p50Ms: claimP50Ms, p99Ms: claimP99Ms } = percentiles(times.claim);
    samples.push({ ...sample, claimP50Ms, claimP99Ms });
  }
  return { rows, ...spreads(samples) };
}

async function run(bench: Bench): Promise<Findings> {
  const guarded = await Guarded.on(bench.databaseUrl, 'pg', 'guard_growth');
  try {
    await seed(guarded, payloadOf(200));
    const data = [];
    for (const rows of bench.effort.quick ? sizes.quick : sizes.full) {
      await growTo(guarded, rows);
      const found = await measureAt(bench, guarded, rows);
      bench.say(`${rows} receipts: claim p99 ${figure(found.claimP99Ms.median)} ms`);
      data.push(found);
    }
    const table = {
      title: 'A growing table',
      note: `c = ${concurrency}, 200 B, \`pg\`; the same sessions throughout, with what they had prepared when it was small.`,
      columns: ['receipts', 'per second', 'claim p50 ms', 'claim p99 ms', 'call p99 ms'],
      rows: data.map(({ rows, opsPerS, claimP50Ms, claimP99Ms, p99Ms }) => [
        ...[rows.toLocaleString('en-US'), range(opsPerS)],
        ...[figure(claimP50Ms.median), range(claimP99Ms), figure(p99Ms.median)],
      ]),
    };
    return { data, tables: [table] };
  } finally {
    await guarded.stop();
  }
}

export const growth: Workload = { name: 'growth', title: 'a growing table', run };
