/** The limit: the two bare commits from `pgbench`, a client in C, so what Node costs is left out. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { BareCommits, insertText, updateText } from '../bare-commits';
import { poolSize } from '../contenders';
import { spread } from '../measure';
import { range } from '../table';
import { assertCount, type Bench, type Findings, type Workload } from '../workload';

/** Connections; one statement each is under way, so more lanes than these are nothing else. */
const connections = [1, poolSize, 32];

/** The key of each transaction out of two random halves. */
const key = `(lpad(to_hex(:high::bigint), 16, '0') || lpad(to_hex(:low::bigint), 16, '0'))::uuid`;
const script = (resultBytes: number): string =>
  [
    '\\set high random(1, 9223372036854775807)',
    '\\set low random(1, 9223372036854775807)',
    `${oneLine(insertText(key, `'order:' || :low`, `decode(repeat('ab', 32), 'hex')`, key))};`,
    `${oneLine(updateText(key, `convert_to('${'x'.repeat(resultBytes)}', 'UTF8')`))};`,
    '',
  ].join('\n');
const oneLine = (text: string): string => text.replaceAll('\n', ' ');

/** In the PATH, or where Debian keeps it. */
function findPgbench(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map((version) => join(debian, version, 'bin')),
  ];
  return folders.map((folder) => join(folder, 'pgbench')).find((file) => existsSync(file));
}

/** Pairs per second. */
async function pairsPerS(pgbench: string, bench: Bench, file: string, clients: number): Promise<number> {
  const { hostname, port, username, password, pathname } = new URL(bench.databaseUrl);
  const seconds = Math.max(1, Math.round((bench.effort.warmMs + bench.effort.ms) / 1000));
  const { stdout } = await promisify(execFile)(
    pgbench,
    [
      ...['--no-vacuum', '--protocol=prepared', `--file=${file}`, `--client=${clients}`],
      ...[`--jobs=${Math.min(clients, 2)}`, `--time=${seconds}`],
    ],
    {
      timeout: 60_000,
      env: {
        ...process.env,
        ...{ PGHOST: hostname, PGPORT: port || '5432', PGDATABASE: pathname.slice(1) },
        ...{ PGUSER: decodeURIComponent(username), PGPASSWORD: decodeURIComponent(password) },
      },
    },
  );
  const transactions = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1]);
  const rate = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  if (!(transactions > 0 && rate > 0)) throw new Error(`pgbench said nothing of its rate: ${stdout}`);
  return rate;
}

async function run(bench: Bench): Promise<Findings> {
  const pgbench = findPgbench();
  if (pgbench === undefined) {
    const skipped = 'there is no pgbench in the PATH (the npm package of Postgres has none)';
    bench.say(`SKIPPED pgbench: ${skipped}`);
    const rows = [['SKIPPED', skipped]];
    return { data: { skipped }, tables: [{ title: 'pgbench', columns: ['', 'why'], rows }] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'activity-guard-bench-'));
  const base = await BareCommits.on(bench.databaseUrl, 1);
  try {
    const file = join(folder, 'pairs.sql');
    writeFileSync(file, script(200));
    await base.empty();
    const rates = new Map<number, number[]>(connections.map((clients) => [clients, []]));
    for (let round = 0; round < bench.effort.rounds; round++) {
      for (const clients of connections)
        rates.get(clients)?.push(await pairsPerS(pgbench, bench, file, clients));
    }
    // Of each client's last pair the second commit may be missing, when the time was up in between.
    const missing = (await base.rows()) - (await base.settled());
    if (missing > connections.length * bench.effort.rounds * 32) assertCount('pairs of pgbench', missing, 0);
    const data = connections.map((clients) => ({ clients, opsPerS: spread(rates.get(clients) ?? []) }));
    const rows = data.map(({ clients, opsPerS }) => [String(clients), range(opsPerS)]);
    const note = 'The two statements of the base, 200 B, prepared, by `pgbench` with two threads.';
    return {
      data,
      tables: [{ title: 'pgbench', note, columns: ['connections', 'per second'], rows }],
    };
  } finally {
    await base.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export const limit: Workload = { name: 'limit', title: 'the limit: pgbench', run };
