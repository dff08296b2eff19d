// What `npm pack` would publish: the compiled library and its papers, nothing else, and all that package.json names.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

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
];
for (const problem of problems) console.error(`npm pack: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`npm pack: ${files.length} files, ${(packed[0].size / 1000).toFixed(0)} kB packed`);
