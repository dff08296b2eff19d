/**
 * npm run bench:prune [-- --rows 200000 --rounds 5 --json]: how long claims take while receipts are pruned beside them, and while
 * none are, in turns, on a PostgreSQL of its own. Also 1,000 outcomes that become unknown at once. Exit code 1 where the counts
 * are wrong.
 */
import { parseArgs } from 'node:util';

import { startPostgres } from 'activity-guard/testing';

import { Guarded, newId, payloadOf } from './contenders';
import { interleave, percentiles, ratioSpread, spread } from './measure';
import { figure, range } from './table';

const turns = ['alone', 'tombstones', 'results', 'unknown'] as const;
type Turn = (typeof turns)[number];

const dayMs = 86_400_000;
const concurrency = 16;
const warmMs = 500;
const leastMs = 3000;
const manyUnknown = 1000;

/** What the claims of one turn took, and what was done beside them. */
interface Sample {
  readonly claimP50Ms: number;
  readonly claimP99Ms: number;
  readonly done: number;
  readonly doneMs: number;
}

const rewrite = (guarded: Guarded, text: string, values: unknown[] = []) =>
  guarded.pool.query(text.replaceAll('S.', `${guarded.schema}.`), values);

/** Settled 100 days ago, one after the other, with 200 bytes as result. */
const fill = (guarded: Guarded, rows: number) =>
  rewrite(
    guarded,
    `insert into S.receipts (key, namespace, request_id, action, fingerprint, state, policy, token, claimed_at, lease_until,
       settled_at, outcome_format, outcome, origin)
     select md5('old:' || n)::uuid, 'default', 'old:' || n, 'charge', sha256(n::text::bytea), 'committed', 'hold', gen_random_uuid(),
       at, at, at, 'json', decode(repeat(md5(n::text), 12), 'hex'), '{"worker": "bench"}'
     from (select n, now() - interval '100 days' + n * interval '1 ms' as at from generate_series(1, $1::integer) n) made`,
    [rows],
  );

/** As they were before they were pruned. */
async function refill(guarded: Guarded): Promise<void> {
  await rewrite(guarded, 'set session_replication_role = replica');
  await rewrite(
    guarded,
    `update S.receipts set state = 'committed', outcome_format = 'json', outcome = decode(repeat(md5(request_id), 12), 'hex')
     where request_id like 'old:%' and outcome_format is distinct from 'json'`,
  );
  await rewrite(guarded, 'reset session_replication_role');
  await rewrite(guarded, 'vacuum analyze S.receipts');
  await rewrite(guarded, 'checkpoint');
}

/** Claims whose lease ran out, as a worker leaves them that was killed. */
const lapse = (guarded: Guarded, round: number) =>
  rewrite(
    guarded,
    `with made as (
       insert into S.receipts (key, namespace, request_id, action, fingerprint, state, policy, token, lease_until)
       select md5($2::text || n)::uuid, 'default', $2::text || n, 'charge', sha256(n::text::bytea), 'claimed', 'hold',
         gen_random_uuid(), now() from generate_series(1, $1::integer) n returning key)
     insert into S.queue (key, namespace, look_at) select key, 'default', '-infinity' from made`,
    [manyUnknown, `lapsed:${round}:`],
  );

/** What goes on beside the claims. @returns how many receipts it was done to */
async function beside({ store }: Guarded, turn: Turn): Promise<number> {
  if (turn === 'unknown') return (await store.takeDue({ limit: manyUnknown, holdMs: dayMs })).length;
  const request = { retainMs: 90 * dayMs, ...(turn === 'results' ? { resultsOverBytes: 100 } : {}) };
  let done = 0;
  for (let batch = -1; batch !== 0 && turn !== 'alone'; done += batch) batch = await store.prune(request);
  return done;
}

async function take(claimer: Guarded, carer: Guarded, turn: Turn, round: number): Promise<Sample> {
  await refill(carer);
  if (turn === 'unknown') await lapse(carer, round);
  const claims: number[] = [];
  let isCounted = false;
  let isOver = false;
  const { store } = claimer;
  const claim = store.claim.bind(store);
  store.claim = async (request) => {
    const [begun, counts] = [performance.now(), isCounted];
    const receipt = await claim(request);
    if (counts) claims.push(performance.now() - begun);
    return receipt;
  };
  const payload = payloadOf(200);
  const lane = async (): Promise<void> => {
    while (!isOver) await claimer.fresh(newId(), payload);
  };
  const lanes = Promise.all(Array.from({ length: concurrency }, lane));
  await pause(warmMs);
  isCounted = true;
  const begun = performance.now();
  const done = await beside(carer, turn);
  const doneMs = performance.now() - begun;
  // What takes a moment alone is looked at for its moment, and no longer.
  if (turn === 'alone') await pause(leastMs);
  isOver = true;
  await lanes;
  store.claim = claim;
  const { p50Ms, p99Ms } = percentiles(claims);
  return { claimP50Ms: p50Ms, claimP99Ms: p99Ms, done, doneMs };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function wholeNumber(name: string, value: string, most: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > most)
    throw new Error(`--${name} takes a whole number from 1 to ${most}`);
  return number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const rows = wholeNumber('rows', values.rows, 10_000_000);
  const rounds = wholeNumber('rounds', values.rounds, 100);
  const postgres = await startPostgres();
  const opened: Guarded[] = [];
  try {
    // Each with its pool: what prunes is another process.
    const [claimer, carer] = [
      await Guarded.on(postgres.connectionString, 'pg'),
      await Guarded.on(postgres.connectionString, 'pg'),
    ];
    opened.push(claimer, carer);
    await fill(carer, rows);
    const samples = await interleave(turns, rounds, (turn, round) => take(claimer, carer, turn, round));
    const found = turns.map((turn) => ({
      turn,
      claimP50Ms: spread(samples[turn].map(({ claimP50Ms }) => claimP50Ms)),
      claimP99Ms: spread(samples[turn].map(({ claimP99Ms }) => claimP99Ms)),
      p99Ratio: ratioSpread(samples[turn], samples.alone, ({ claimP99Ms }) => claimP99Ms),
      doneMs: spread(samples[turn].map(({ doneMs }) => doneMs)),
      expected: turn === 'alone' ? 0 : turn === 'unknown' ? manyUnknown : rows,
      done: samples[turn].map(({ done }) => done),
    }));
    if (values.json) process.stdout.write(`${JSON.stringify({ rows, rounds, concurrency, turns: found })}\n`);
    else
      for (const { turn, claimP50Ms, claimP99Ms, p99Ratio, doneMs } of found)
        process.stdout.write(
          `${turn.padEnd(10)} claim p50 ${figure(claimP50Ms.median)} ms, p99 ${range(claimP99Ms)} ms, p99 ratio ${range(p99Ratio)}, took ${range(doneMs)} ms\n`,
        );
    const wrong = found.filter(({ done, expected }) => done.some((each) => each !== expected));
    for (const { turn, expected, done } of wrong)
      process.stderr.write(`${turn}: ${expected} expected, ${done.join(', ')} done\n`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    for (const guarded of opened) await guarded.stop();
    await postgres.stop();
  }
}

void main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
