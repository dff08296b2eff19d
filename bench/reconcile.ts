/**
 * npm run bench:reconcile -- --rows 100000 [--json]: many unknown outcomes, half of them with conclusive evidence on file,
 * found out by the command line in a process of its own, on a PostgreSQL of its own. Exit code 1 where the counts are wrong.
 */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

import { Pool } from 'pg';

import { pgReceipts } from 'activity-guard/pg';
import { startPostgres } from 'activity-guard/testing';

const cliMain = join(__dirname, '../src/cli/main.js');
const fillBatch = 50_000;
const sampleMs = 1000;

/** How many of the rows numbered from 1 end how: every fourth is committed, every fourth did not happen. */
const expectedOf = (rows: number) => {
  const committed = Math.floor(rows / 4);
  const released = Math.floor((rows + 2) / 4);
  return { looked: rows, committed, released, open: rows - committed - released };
};
type Expected = ReturnType<typeof expectedOf>;

/** Unknown since an hour, with their place in the queue, and evidence of every second one. */
async function fill(pool: Pool, rows: number): Promise<void> {
  const of = (select: string): string => `${select} from generate_series($1::integer, $2::integer) as g`;
  const key = `md5('bench:' || g)::uuid`;
  const statements = [
    `insert into activity_guard.receipts (key, namespace, request_id, action, fingerprint, state, policy, token, claimed_at,
       lease_until, grace, origin) ${of(`select ${key}, 'default', 'bench:' || g, 'charge', sha256(g::text::bytea), 'unknown',
       'hold', gen_random_uuid(), now() - interval '2 hours', now() - interval '1 hour', interval '10 seconds', '{}'`)}`,
    `insert into activity_guard.queue (key, namespace, look_at) ${of(`select ${key}, 'default', now() - interval '1 hour'`)}`,
    `insert into activity_guard.evidence (key, epoch, source, verdict, outcome_format, outcome)
     ${of(`select ${key}, 1, 'webhook', case when g % 4 = 0 then 'committed' else 'not-committed' end,
       case when g % 4 = 0 then 'json' end, case when g % 4 = 0 then '{"id":"ch_1"}'::bytea end`)} where g % 2 = 0`,
  ];
  for (let from = 1; from <= rows; from += fillBatch)
    for (const text of statements) await pool.query(text, [from, Math.min(rows, from + fillBatch - 1)]);
}

/** How much memory a process has, in MiB. */
async function memoryOf(pid: number): Promise<number | undefined> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.trim() === '' ? undefined : Math.round(Number(stdout) / 1024);
}

/** What the command line printed, and its memory meanwhile. */
async function reconcile(databaseUrl: string): Promise<{ out: string; rssMiB: number[] }> {
  const args = [cliMain, 'reconcile', '--no-temporal', '--json', '--database-url', databaseUrl];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const rssMiB: number[] = [];
  const sampling = setInterval(() => {
    void memoryOf(child.pid ?? 0).then((mib) => mib !== undefined && rssMiB.push(mib));
  }, sampleMs);
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => clearInterval(sampling));
  if (code !== 0) throw new Error(`activity-guard reconcile ended with ${String(code)}`);
  return { out, rssMiB };
}

/** What the database has afterwards, in the words of the counts. */
async function found(pool: Pool): Promise<Expected> {
  const receipts = pgReceipts(pool);
  const { states } = await receipts.stats();
  // Who is still unknown has to be in the queue; what is settled leaves it when it is taken again.
  const { rows } = await pool.query<{ open: number }>(
    `select count(*)::integer as open from activity_guard.queue join activity_guard.receipts using (key) where state = 'unknown'`,
  );
  const { committed, released, unknown } = states;
  return { looked: committed + released + unknown, committed, released, open: rows[0]?.open ?? 0 };
}

/** At the end of each quarter of the time. */
const quarters = (values: readonly number[]): number[] =>
  [1, 2, 3, 4].map((n) => values[Math.max(0, Math.ceil((values.length * n) / 4) - 1)] ?? 0);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false } },
  });
  const rows = Number(values.rows);
  if (!Number.isInteger(rows) || rows < 1 || rows > 10_000_000)
    throw new Error('--rows takes a whole number from 1 to 10000000');
  const say = (text: string): void => void (values.json ? process.stderr : process.stdout).write(`${text}\n`);
  const postgres = await startPostgres();
  const pool = new Pool({ connectionString: postgres.connectionString, max: 2 });
  pool.on('error', () => undefined);
  try {
    await pgReceipts(pool).migrate();
    say(`filling in ${rows} unknown outcomes`);
    await fill(pool, rows);
    const { out, rssMiB } = await reconcile(postgres.connectionString);
    const counts = JSON.parse(out) as Expected;
    const expected = expectedOf(rows);
    const names = Object.keys(expected) as (keyof Expected)[];
    const stored = await found(pool);
    const wrong = names.filter((name) => counts[name] !== expected[name] || stored[name] !== expected[name]);
    const memory = { rssMiB: quarters(rssMiB), mostMiB: Math.max(0, ...rssMiB) };
    if (values.json) process.stdout.write(`${JSON.stringify({ rows, counts, ...memory, wrong })}\n`);
    else {
      say(out.trim());
      say(`memory: ${memory.rssMiB.join(', ')} MiB after each quarter, ${memory.mostMiB} MiB at most`);
      say(wrong.length === 0 ? 'The counts add up.' : `Wrong: ${wrong.join(', ')}`);
    }
    if (wrong.length > 0) process.stderr.write(`${JSON.stringify({ expected, counts, stored })}\n`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await pool.end();
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
