// What `npm pack` would publish: the compiled library and its papers, nothing else, and all that package.json names. Fails
// where an install grows over its budget; how long entries take to load is told, and judged by nobody.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const allowed = [
  /^dist\/src\/[a-z0-9/.-]+\.(js|js\.map|d\.ts)$/,
  /^dist\/src\/dashboard\/static\/[a-z0-9/.-]+$/,
  /^sql\/(\d{6}[a-z0-9_-]*\.sql|checksums\.json)$/,
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
];
/** What the command line alone loads; .dependency-cruiser.cjs sees to it. */
const ofCommands = ['cli-progress', 'commander', 'csv-parse', 'picocolors'];
const unwanted = /(^|\/)(test|tests|examples|demo|bench|proof|workflows|activities)\/|\.test\.|tsbuildinfo/;

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const packed = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
);
const files = packed[0].files.map((file) => file.path);
const targets = [Object.values(manifest.exports), Object.values(manifest.bin ?? {})]
  .flat()
  .flatMap((target) => (typeof target === 'string' ? target : Object.values(target)))
  .map((target) => target.replace(/^\.\//, ''));

/** In kB: the tarball; its files; its files with those of all runtime dependencies. */
const budget = { packed: 680, unpacked: 2500, installed: 4600 };

/** The folders of the runtime dependencies, and of theirs. */
function foldersOf(dependencies, from = '.', found = new Set()) {
  for (const name of Object.keys(dependencies ?? {})) {
    const folder = [join(from, 'node_modules', name), join('node_modules', name)].find(existsSync);
    if (!folder) throw new Error(`${name} is not installed`);
    if (found.has(folder)) continue;
    found.add(folder);
    foldersOf(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).dependencies, folder, found);
  }
  return found;
}

const bytesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((file) => statSync(join(folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);

const dependencyBytes = [...foldersOf(manifest.dependencies)].reduce(
  (sum, folder) => sum + bytesIn(folder),
  0,
);
const sizes = {
  packed: packed[0].size,
  unpacked: packed[0].unpackedSize,
  installed: packed[0].unpackedSize + dependencyBytes,
};
const kB = (bytes) => Math.round(bytes / 1000);

const problems = [
  ...files
    .filter((file) => unwanted.test(file) || !allowed.some((pattern) => pattern.test(file)))
    .map((file) => `unwanted: ${file}`),
  ...targets.filter((target) => !files.includes(target)).map((target) => `missing: ${target}`),
  ...['LICENSE', 'README.md', 'CHANGELOG.md']
    .filter((file) => !files.includes(file))
    .map((file) => `missing: ${file}`),
  ...Object.keys(manifest.dependencies ?? {})
    .filter((name) => !ofCommands.includes(name))
    .map((name) => `the library has no dependencies, package.json lists ${name}`),
  ...Object.entries(budget)
    .filter(([name, limit]) => kB(sizes[name]) > limit)
    .map(([name, limit]) => `${name}: ${kB(sizes[name])} kB, ${limit} kB at most`),
];
for (const problem of problems) console.error(`npm pack: ${problem}`);
if (problems.length > 0) process.exit(1);

/** The middle of three, in milliseconds, of a fresh process; packages that an entry brings in are loaded before. */
function loadTime(entry) {
  const { [entry]: peers } = JSON.parse(readFileSync('test/pack/needs.json', 'utf8'));
  const target = manifest.exports[entry].default;
  const program = `${JSON.stringify(peers)}.forEach((name) => require(name)); const started = performance.now();
    require(${JSON.stringify(target)}); console.log(performance.now() - started)`;
  return middle(() => Number(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })));
}

function timeOf(args) {
  const started = performance.now();
  execFileSync(process.execPath, args, { stdio: 'ignore' });
  return performance.now() - started;
}

const middle = (measure) => [1, 2, 3].map(measure).sort((a, b) => a - b)[1];

const entries = ['.', './pg', './activity', './worker'];
const times = entries.map((entry) => `activity-guard${entry.slice(1)} ${loadTime(entry).toFixed(0)} ms`);
const command =
  middle(() => timeOf([manifest.bin['activity-guard'], '--version'])) - middle(() => timeOf(['-e', '']));
console.log(
  `npm pack: ${files.length} files, ${kB(sizes.packed)} kB packed, ${kB(sizes.unpacked)} kB unpacked, ` +
    `${kB(sizes.installed)} kB with dependencies`,
);
console.log(`loads in: ${times.join(', ')}, activity-guard --version ${command.toFixed(0)} ms`);
