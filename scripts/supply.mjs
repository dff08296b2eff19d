// What comes with an installation, as package.json and the lock file have it: scripts that npm would run, where packages come
// from, and their licences. Reads files alone: `npm audit` and `npm audit signatures` need a registry.
//
//   node scripts/supply.mjs           fails, naming what is wrong (npm run check:supply)
//   node scripts/supply.mjs --sbom    writes artifacts/sbom.cdx.json, too: what users get, as CycloneDX (npm run sbom)
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const manifest = read('package.json');
const { packages, ...lock } = read('package-lock.json');
const problems = [];
const report = (what, why) => problems.push(`${what}: ${why}`);

/** What npm runs by itself where somebody installs; `prepare` for a dependency from Git. */
const atInstallation = [
  'preinstall',
  'install',
  'postinstall',
  'prepublish',
  'preprepare',
  'prepare',
  'postprepare',
];

/** Code of these is copied into the package (scripts/build.mjs): users get it without a dependency. */
const copied = ['uplot'];

/** What users get may ask for no more than naming its authors; what only builds and tests may be under these, too. */
const permissive = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];
const ofTools = [
  ...permissive,
  'MIT-0',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
  'CC-BY-4.0',
  'AFL-2.1',
  'Python-2.0',
];
/** What the LICENSE says of those whose package.json says nothing. */
const unnamed = { unionfs: 'Unlicense' };

const nameOf = (path) => path.split('node_modules/').at(-1);
const installed = Object.entries(packages).filter(([path]) => path !== '');
const isForUsers = ([path, { dev }]) => !dev || copied.includes(nameOf(path));
const forUsers = installed.filter(isForUsers);

/** Whether an SPDX expression allows what the list allows. */
const isAllowed = (expression, allowed) =>
  expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((all) => all.split(' AND ').every((licence) => allowed.includes(licence)));

function check([path, entry]) {
  const { version, resolved, integrity, link, hasInstallScript, license } = entry;
  const users = isForUsers([path, entry]);
  if (link || !/^\d+\.\d+\.\d+/.test(version ?? '')) report(path, 'no version of a registry');
  // .npmrc leaves out where it is from, unless that is no registry.
  if (resolved !== undefined) report(path, 'the lock file names where it is from');
  if (!/^sha512-/.test(integrity ?? '')) report(path, 'the lock file has no SHA-512 of it');
  if (users && hasInstallScript) report(path, 'it runs a script where users install it');
  const licence = license ?? unnamed[nameOf(path)] ?? 'no licence';
  if (!isAllowed(licence, users ? permissive : ofTools))
    report(path, `${licence} is not on the list of licences`);
}

for (const script of atInstallation.filter((name) => manifest.scripts?.[name] !== undefined))
  report(`package.json, script ${script}`, 'npm runs it where somebody installs');
for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
  if (!/^[\^~]?\d+\.\d+\.\d+[\w.-]*$/.test(version))
    report(`package.json, ${name}`, `${version} is no version of a registry`);
installed.forEach(check);

/**
 * By `npm sbom`, in a folder that has nothing else: with `--omit dev` it also leaves out what both users and some tool need.
 * Fails unless all that users get is in it.
 */
function sbom() {
  const folder = mkdtempSync(join(tmpdir(), 'sbom-'));
  const project = join(folder, manifest.name); // its name is taken from here
  const { name, version, description, license } = manifest;
  const versions = copied.map((each) => [each, packages[`node_modules/${each}`].version]);
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(versions) };
  const root = { name, version, description, license, dependencies };
  const kept = forUsers.map(([path, { dev: _dev, ...entry }]) => [path, entry]);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify(root));
  const all = { '': root, ...Object.fromEntries(kept) };
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ ...lock, packages: all }));
  const args = [
    'sbom',
    '--sbom-format',
    'cyclonedx',
    '--sbom-type',
    'library',
    '--package-lock-only',
    '--offline',
  ];
  const text = execFileSync('npm', args, { cwd: project, encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  const listed = JSON.parse(text).components.map((component) => `${component.name}@${component.version}`);
  for (const [path, entry] of forUsers)
    if (!listed.includes(`${nameOf(path)}@${entry.version}`)) report(path, 'it is missing in the SBOM');
  mkdirSync('artifacts', { recursive: true });
  writeFileSync('artifacts/sbom.cdx.json', text);
}

if (process.argv.includes('--sbom')) sbom();
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(
  `supply: ${forUsers.length} packages for users, ${installed.length - forUsers.length} to build and test`,
);
