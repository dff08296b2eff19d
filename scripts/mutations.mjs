// npm run test:mutations: breaks one rule of the protocol after the other and sees whether a test notices. The list
// is in test/mutations. Each mutation is made in a copy of the compiled code, so nothing here is touched.
//
//   node scripts/mutations.mjs                  all of them; some need Postgres (DATABASE_URL, or one is started)
//   node scripts/mutations.mjs --short          the first of each file and invariant, without Postgres
//   node scripts/mutations.mjs --only <text>    those whose rule, file or invariant ("I3") has it
//   node scripts/mutations.mjs --verbose        names the test that noticed, and how long it took
//   node scripts/mutations.mjs --jobs <n>       so many at a time; one for each core unless given
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const require = createRequire(import.meta.url);
const root = process.cwd();
const jest = require.resolve('jest/bin/jest');
const needsPostgres = (test) =>
  /^(contract\/(pg|postgres-js)|pg\/|cli\/|security\/|tools\/(http|mcp))/.test(test);

/** A mutation that makes a test wait for ever is noticed, too. */
const longestTestMs = 15_000;
const longestRunMs = 60_000;

/** One test that notices is enough: those after it, which may each wait for ever, are left out. */
const untilOneFails = `const { TestEnvironment } = require(${JSON.stringify(require.resolve('jest-environment-node'))});
let hasFailed = false;
module.exports = class extends TestEnvironment {
  handleTestEvent({ name, test }) {
    if (name === 'test_fn_failure' || name === 'hook_failure') hasFailed = true;
    if (name === 'test_start' && hasFailed) test.mode = 'skip';
  }
};
`;

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** As the build has them, for one file alone. */
const compilerOptions = (() => {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { rootDir, outDir, ...options } = ts.parseJsonConfigFileContent(config, ts.sys, root).options;
  return { ...options, sourceMap: false, declaration: false };
})();

/** The compiled form of one source, as `npm run build` makes it but for its source map. */
function compile(fileName, text) {
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName,
    compilerOptions,
    reportDiagnostics: true,
  });
  const [problem] = diagnostics ?? [];
  if (problem) throw new Error(ts.flattenDiagnosticMessageText(problem.messageText, ' '));
  return outputText;
}

const compiled = (file) => `dist/${file.replace(/\.ts$/, '.js')}`;
const withoutMap = (text) => text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '').trimEnd();

const built = new Map();
function isBuilt(file, source) {
  const check = () => withoutMap(readFileSync(compiled(file), 'utf8')) === withoutMap(compile(file, source));
  if (!built.has(file)) built.set(file, check());
  return built.get(file);
}

/** The mutated code; or what is wrong with the entry, for a list that no longer fits the code proves nothing. */
function prepare(mutation) {
  const { file, find, replace, tests, rule } = mutation;
  const rotten = (why) => ({ rotten: `${file}: ${rule}: ${why}` });
  const source = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const times = source.split(find).length - 1;
  if (times !== 1) return rotten(`its text occurs ${times} times, not once: ${find}`);
  const missing = tests.find((test) => !existsSync(`dist/test/${test}.test.js`));
  if (missing) return rotten(`there is no test ${missing}`);
  if (!isBuilt(file, source)) return rotten('dist is out of date: run npm run build');
  try {
    return {
      ...mutation,
      code: compile(
        file,
        source.replace(find, () => replace),
      ),
    };
  } catch (error) {
    return rotten(`does not compile: ${error.message}`);
  }
}

function select(all) {
  const has = (text) => text.toLowerCase().includes(options.only.toLowerCase());
  const named = all.filter((m) => has(m.rule) || has(m.file) || options.only === `I${m.invariant}`);
  if (!options.short) return named;
  const seen = new Set();
  return named.filter(({ file, invariant, tests }) => {
    const family = `${file} ${invariant}`;
    if (seen.has(family) || tests.some(needsPostgres)) return false;
    return seen.add(family);
  });
}

/** A place to break things in: Jest finds the copy's own code, also by the package's name. */
function makeCopy(parent, name) {
  const copy = join(parent, name);
  for (const part of ['dist', 'docs', 'sql', 'package.json'])
    cpSync(part, join(copy, part), { recursive: true });
  symlinkSync(realpathSync('node_modules'), join(copy, 'node_modules'), 'dir');
  const { globalSetup, globalTeardown, reporters, roots, ...config } = require(join(root, 'jest.config.js'));
  writeFileSync(join(copy, 'environment.cjs'), untilOneFails);
  writeFileSync(
    join(copy, 'jest.config.json'),
    JSON.stringify({
      ...config,
      roots: ['<rootDir>/dist/test'],
      testEnvironment: '<rootDir>/environment.cjs',
      testTimeout: longestTestMs,
      cacheDirectory: join(copy, 'cache'),
    }),
  );
  return copy;
}

const children = new Set();

/** How the tests end: `passed`, `failed` (a test noticed), `hangs`, or `broken` where they could not even be loaded. */
function runTests(copy, { tests, named = '' }, longestMs = longestRunMs) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const files = tests.map((test) => `dist/test/${test}.test.js`);
  const args = [
    jest,
    '--config',
    'jest.config.json',
    '--runInBand',
    '--ci',
    '--forceExit',
    '--json',
    '--outputFile',
    report,
    ...(named ? ['--testNamePattern', named] : []),
  ];
  return new Promise((done) => {
    const child = spawn(process.execPath, [...args, '--runTestsByPath', ...files], {
      cwd: copy,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    children.add(child);
    let output = '';
    child.stderr.on('data', (chunk) => (output += chunk));
    let hangs = false;
    const timer = setTimeout(() => ((hangs = true), child.kill('SIGKILL')), longestMs);
    child.on('close', (status) => {
      clearTimeout(timer);
      children.delete(child);
      if (hangs) return done({ ending: 'hangs', output });
      const { numPassedTests = 0, testResults = [] } = existsSync(report)
        ? JSON.parse(readFileSync(report, 'utf8'))
        : {};
      const results = testResults.flatMap((file) => file.assertionResults);
      const failed = results.filter((test) => test.status === 'failed').map((test) => test.fullName);
      if (failed.length > 0) return done({ ending: 'failed', output, failed });
      done({ ending: status === 0 && numPassedTests > 0 ? 'passed' : 'broken', output });
    });
  });
}

async function check(copy, mutation) {
  const target = join(copy, compiled(mutation.file));
  const original = readFileSync(target, 'utf8');
  writeFileSync(target, mutation.code);
  try {
    return await runTests(copy, mutation);
  } finally {
    writeFileSync(target, original);
  }
}

async function providePostgres(mutations) {
  if (process.env.DATABASE_URL || !mutations.some(({ tests }) => tests.some(needsPostgres))) return undefined;
  const { startPostgres } = require(join(root, 'dist/src/testing/index.js'));
  const postgres = await startPostgres();
  process.env.DATABASE_URL = postgres.connectionString;
  return postgres;
}

/** Every test that is named passes without a mutation; otherwise a failure would say nothing. */
async function checkBaseline(copies, mutations) {
  const names = [...new Set(mutations.map(({ named }) => named))];
  const groups = names.flatMap((named) => {
    const tests = [...new Set(mutations.filter((m) => m.named === named).flatMap((m) => m.tests))];
    return named
      ? [{ tests, named }]
      : copies.map((_, i) => ({ tests: tests.filter((_t, j) => j % copies.length === i) }));
  });
  const queue = groups.filter(({ tests }) => tests.length > 0);
  const worker = async (copy) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { ending, output } = await runTests(copy, next, 3 * longestRunMs);
      if (ending !== 'passed') throw new Error(`the tests do not pass unmutated (${ending}):\n${output}`);
    }
  };
  await Promise.all(copies.map(worker));
}

function tell({ invariant, file, rule, tests }, { ending, seconds, failed = [] }) {
  const what = `I${invariant} ${file}: ${rule}`;
  if (ending === 'passed') console.log(`SURVIVED ${what} (${tests.join(', ')})`);
  else if (ending === 'broken') console.log(`BROKEN   ${what}: its tests cannot be loaded`);
  else if (options.verbose)
    console.log(
      [`${ending.padEnd(8)} ${what} (${seconds.toFixed(1)} s)`, ...failed.slice(0, 5)].join('\n           '),
    );
}

async function checkAll(copies, mutations) {
  const queue = mutations.map((mutation, index) => ({ mutation, index }));
  const endings = [];
  const worker = async (copy) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { mutation, index } = next;
      const started = performance.now();
      const result = { ...(await check(copy, mutation)), seconds: (performance.now() - started) / 1000 };
      endings[index] = result.ending;
      tell(mutation, result);
    }
  };
  await Promise.all(copies.map(worker));
  return endings;
}

function report(mutations, endings) {
  const isCaught = (_, index) => endings[index] === 'failed' || endings[index] === 'hangs';
  console.log('\ninvariant  mutations  caught');
  for (let invariant = 1; invariant <= 8; invariant++) {
    const of = (m) => m.invariant === invariant;
    const caught = mutations.filter((m, index) => of(m) && isCaught(m, index)).length;
    const row = [
      `I${invariant}`.padEnd(9),
      String(mutations.filter(of).length).padStart(9),
      String(caught).padStart(6),
    ];
    console.log(row.join('  '));
  }
  const caught = mutations.filter(isCaught).length;
  console.log(`\n${caught} passed, ${mutations.length - caught} failed`);
  return caught === mutations.length;
}

async function main() {
  const { mutations: all } = require(join(root, 'dist/test/mutations/index.js'));
  const prepared = all.map(prepare);
  const rotten = prepared.flatMap((entry) => entry.rotten ?? []);
  if (rotten.length > 0) fail(`The list of mutations does not fit the code:\n${rotten.join('\n')}`);
  const mutations = select(prepared);
  if (mutations.length === 0) fail('no mutation fits');
  const parent = mkdtempSync(join(realpathSync(tmpdir()), 'activity-guard-mutations-'));
  process.on('exit', () => {
    for (const child of children) child.kill('SIGKILL');
    rmSync(parent, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  const postgres = await providePostgres(mutations);
  try {
    const jobs = Math.max(1, Math.min(Number(options.jobs) || 1, mutations.length));
    const copies = Array.from({ length: jobs }, (_, i) => makeCopy(parent, `copy-${i}`));
    const started = performance.now();
    await checkBaseline(copies, mutations);
    console.log(`${mutations.length} mutations; unmutated, their tests pass`);
    const endings = await checkAll(copies, mutations);
    const isClean = report(mutations, endings);
    console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
    process.exitCode = isClean ? 0 : 1;
  } finally {
    await postgres?.stop();
  }
}

await main();
