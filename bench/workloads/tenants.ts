/** One tenant floods, another makes single calls: what the quiet one notices. Each has a role under row-level security. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { Pool } from 'pg';

import { pgReceipts } from '../../src/stores/pg';
import { startReaper } from '../../src/testing/reaper';
import { Child } from '../child';
import { newId, payloadOf, poolSize } from '../contenders';
import { drive, interleave, ratioSpread, spreads, type Sample } from '../measure';
import { oursOn } from '../ours';
import { figure, range, type Table } from '../table';
import { flood, noise, poolOf, storeOn, type Tenant } from '../tenants/noise';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

const schema = 'guard_tenants';
/** The cure: what the noisy one is left. */
const few = 2;

const places = {
  alone: 'nobody else',
  elsewhere: `in another process, ${poolSize} connections`,
  limited: `in another process, ${few} connections`,
  'same-process': `in the same process, a pool of its own (${poolSize})`,
  'same-pool': `in the same process, the same pool (${poolSize})`,
} as const;
type Place = keyof typeof places;
const names = Object.keys(places) as Place[];

interface Turn extends Sample {
  /** Of the noisy one, in all of the turn. */
  readonly noisyEffects: number;
}

interface Stage {
  readonly owner: Pool;
  readonly quiet: Tenant;
  readonly noisy: Tenant;
  readonly other: Child;
}

async function withTenants<T>(databaseUrl: string, work: (stage: Stage) => Promise<T>): Promise<T> {
  const owner = new Pool({ connectionString: databaseUrl, max: 1 });
  const reaper = startReaper();
  const suffix = randomBytes(6).toString('hex');
  const tenants: Tenant[] = [];
  try {
    const receipts = pgReceipts(owner, { schema });
    await receipts.migrate();
    for (const namespace of ['quiet', 'noisy']) {
      const role = `bench_${namespace}_${suffix}`;
      await owner.query(`create role ${role} login password 'bench'`);
      const url = Object.assign(new URL(databaseUrl), { username: role, password: 'bench' }).href;
      tenants.push({ url, schema, namespace });
      await receipts.grant({ tenants: [{ role, namespace }] });
    }
    const [quiet, noisy] = tenants as [Tenant, Tenant];
    const other = await Child.start(reaper, join(__dirname, '..', 'tenants', 'noise-process.js'), noisy);
    return await work({ owner, quiet, noisy, other });
  } finally {
    await reaper.finish();
    for (const { url } of tenants) {
      const { username } = new URL(url);
      await owner.query(`drop owned by ${username} cascade; drop role ${username}`);
    }
    await owner.end();
  }
}

/** Lets the noisy one begin; the function it gives ends that. */
async function makeNoise(
  place: Place,
  { noisy, other }: Stage,
  shared: Pool,
): Promise<() => Promise<number>> {
  if (place === 'alone') return () => Promise.resolve(0);
  if (place === 'same-pool') return flood(storeOn(shared, noisy));
  if (place === 'same-process') {
    const pool = poolOf(noisy, poolSize);
    const end = flood(storeOn(pool, noisy));
    return () => end().finally(() => pool.end());
  }
  await other.ask('start', { max: place === 'limited' ? few : poolSize });
  return () => other.ask<number>('end');
}

async function turn(bench: Bench, stage: Stage, place: Place): Promise<Turn> {
  await stage.owner.query(`truncate ${schema}.receipts, ${schema}.evidence, ${schema}.queue`);
  // A pool that two tenants share has a role that may use both namespaces.
  const asOwner = { ...stage.quiet, url: bench.databaseUrl };
  const pool = poolOf(place === 'same-pool' ? asOwner : stage.quiet, poolSize);
  const run = oursOn(storeOn(pool, stage.quiet));
  const payload = payloadOf(200);
  let [effects, calls] = [0, 0];
  const end = await makeNoise(place, stage, pool);
  const { warmMs, ms } = bench.effort;
  const sample = await drive(
    () => {
      calls++;
      return run(newId(), payload, () => (effects++, payload));
    },
    { concurrency: 1, warmMs, ms: 2 * ms },
  );
  const noisyEffects = await end();
  await pool.end();
  assertCount(`effects of the quiet tenant, ${place}`, effects, calls);
  return { ...sample, noisyEffects };
}

async function run(bench: Bench): Promise<Findings> {
  const samples = await withTenants(bench.databaseUrl, (stage) =>
    interleave(names, bench.effort.rounds, (place) => turn(bench, stage, place)),
  );
  const data = names.map((place) => ({
    place,
    ...spreads(samples[place]),
    p50Ratio: ratioSpread(samples[place], samples.alone, ({ p50Ms }) => p50Ms),
    p99Ratio: ratioSpread(samples[place], samples.alone, ({ p99Ms }) => p99Ms),
  }));
  const table: Table = {
    title: 'A noisy tenant beside a quiet one',
    note: `The quiet one: one call at a time, 200 B. The noisy one: ${noise.calls} at a time, ${noise.bytes / 1000} kB. Ratios to the quiet one alone, in the same round.`,
    columns: [
      'the noisy one is',
      'per second',
      'p50 ms',
      'p99 ms',
      'p50 ratio',
      'p99 ratio',
      'noisy effects',
    ],
    rows: data.map((d) => [
      ...[places[d.place], figure(d.opsPerS.median), figure(d.p50Ms.median), figure(d.p99Ms.median)],
      ...[range(d.p50Ratio), range(d.p99Ratio), figure(d.noisyEffects.median)],
    ]),
  };
  for (const d of data)
    bench.say(`${d.place}: p99 ${figure(d.p99Ms.median)} ms, ${figure(d.p99Ratio.median)} times`);
  return { data, tables: [table] };
}

export const tenants: Workload = { name: 'tenants', title: 'a noisy tenant', run };
