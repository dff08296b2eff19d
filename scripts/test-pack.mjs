// npm run test:pack: installs the packed tarball into empty projects of each kind, and runs a guarded call in each.
//
//   node scripts/test-pack.mjs                  all of them
//   node scripts/test-pack.mjs --short          without Temporal, the agents' frameworks and old TypeScript
//   node scripts/test-pack.mjs --only <text>    the projects whose name has it
//   node scripts/test-pack.mjs --json
import { existsSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { inLanes, makeBase, makeProject, manifest, pack, root, Rows, run, versionIn } from './pack/kit.mjs';
import { startPostgresOf, startTemporal } from './pack/servers.mjs';
import { entriesCheck, peersOf, sets } from './pack/sets.mjs';
import { checkTypes, oldestTypeScript } from './pack/types.mjs';

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});

const rows = new Rows(options.json);
const base = makeBase();
const servers = {};
const isAsked = (name) => name.toLowerCase().includes(options.only.toLowerCase());

/** Both are started once, for all projects that need them. */
async function startServers(asked) {
  const start = { postgres: startPostgresOf, temporal: startTemporal };
  const needed = new Set(asked.flatMap(({ checks }) => checks.flatMap(({ server }) => server ?? [])));
  await Promise.all(
    [...needed].map(async (name) => {
      servers[name] = await start[name]().catch((error) => ({ error }));
    }),
  );
}

const variables = {
  postgres: ({ url }) => ({ DATABASE_URL: url }),
  temporal: ({ address }) => ({ TEMPORAL_ADDRESS: address }),
};

async function checkSet(set, tarball) {
  const { folder, installed } = await makeProject(base, set.name.replace(/\W+/g, '-'), [
    tarball,
    ...peersOf(set),
  ]);
  const versions = installed.ok
    ? set.peers
        .slice(0, 1)
        .map((name) => `${name} ${versionIn(folder, name)}`)
        .join()
    : '';
  rows.add(set.name, 'npm install', installed, versions);
  if (!installed.ok) return;
  const there = Object.keys(manifest.peerDependencies).filter((name) =>
    existsSync(join(folder, 'node_modules', name)),
  );
  for (const { check, args, server } of [...set.checks, entriesCheck(there)]) {
    const started = servers[server];
    if (started?.error) {
      rows.notRun(set.name, check, `${server} did not start: ${started.error.message}`);
      continue;
    }
    const env = server ? variables[server](started) : {};
    rows.add(set.name, check, await run(process.execPath, args, { cwd: folder, env }));
  }
}

/** Vitest 5 needs a newer Node. */
const vitest = Number(process.versions.node.split('.')[0]) >= 22 ? 'vitest@5' : 'vitest@4';

async function checkRunners(tarball) {
  const name = 'test runners';
  const { folder, installed } = await makeProject(base, 'runners', [tarball, 'jest@30', vitest]);
  rows.add(name, 'npm install', installed);
  if (!installed.ok) return;
  const bin = (of) => join('node_modules', of);
  const runners = [
    ['jest', [bin('jest/bin/jest.js'), '--testMatch', '**/*.test.cjs']],
    ['vitest', [bin('vitest/vitest.mjs'), 'run', 'guarded.spec.mjs']],
  ];
  for (const [runner, args] of runners)
    rows.add(name, runner, await run(process.execPath, args, { cwd: folder }), versionIn(folder, runner));
}

/** All peers, for their types: those of this repository, one folder above the project. */
async function checkTypeScript(tarball) {
  const name = 'TypeScript';
  const old = options.short ? [] : [`typescript-oldest@npm:typescript@${oldestTypeScript}`];
  const { folder, installed } = await makeProject(join(base, 'typed'), 'user', [tarball, ...old]);
  symlinkSync(realpathSync(join(root, 'node_modules')), join(base, 'typed', 'node_modules'), 'dir');
  rows.add(name, 'npm install', installed);
  if (!installed.ok) return;
  await checkTypes({ folder, rows, name });
}

async function main() {
  const started = performance.now();
  const asked = sets.filter(
    ({ name }) => isAsked(name) && !(options.short && !['no peers', 'pg', 'postgres'].includes(name)),
  );
  const [tarball] = await Promise.all([pack(base), startServers(asked)]);
  const tasks = asked.map((set) => () => checkSet(set, tarball));
  if (isAsked('test runners')) tasks.push(() => checkRunners(tarball));
  if (isAsked('TypeScript')) tasks.push(() => checkTypeScript(tarball));
  await inLanes(tasks);
  if (options.short) rows.notRun('all others', 'Temporal, frameworks, old TypeScript', 'not with --short');
  const seconds = Math.round((performance.now() - started) / 1000);
  if (!options.json) console.log(`${seconds} s, Node ${process.versions.node}`);
  rows.finish({ node: process.versions.node, seconds });
}

try {
  await main();
} finally {
  await Promise.all(Object.values(servers).map((server) => server.stop?.()));
}
