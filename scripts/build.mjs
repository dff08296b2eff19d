// npm run build: the generated module, then one incremental tsc. Compiled files whose source is gone are removed
// first: a deleted test must not go on running. With --quiet nothing goes to stdout; errors go to stderr.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import ts from 'typescript';

const quiet = process.argv.includes('--quiet');
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { stdio: ['ignore', quiet ? 2 : 1, 2] });
  if (status !== 0) process.exit(status ?? 1);
}

/** What tsc writes for each source, beside the script: also of ES modules (`.mts`). */
const declaration = /\.d\.(m?)ts$/;

/** The declaration files that tsc will write, as absolute paths. */
function expectedDeclarations() {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, '.', undefined, resolve('tsconfig.json'));
  const sources = parsed.fileNames.filter((file) => !/\.d\.[cm]?ts$/.test(file));
  const outputs = sources.flatMap((file) => ts.getOutputFileNames(parsed, file, false));
  return new Set(outputs.filter((file) => declaration.test(file)).map((file) => resolve(file)));
}

/** Compiled files are told by the .d.ts beside them: other things in dist (static files) are left alone. */
function removeOrphans(expected) {
  const files = existsSync('dist') ? readdirSync('dist', { recursive: true }) : [];
  for (const file of files.map((name) => resolve(join('dist', name)))) {
    if (!declaration.test(file) || expected.has(file)) continue;
    for (const ending of ['.d.$1ts', '.d.$1ts.map', '.$1js', '.$1js.map'])
      rmSync(file.replace(declaration, ending), { force: true });
  }
}

/** Incremental tsc trusts its notes: it sees neither other packages nor outputs that somebody deleted. */
function forgetStaleNotes(expected) {
  const notes = 'dist/.tsbuildinfo';
  const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const isThere = (file) => existsSync(file) && existsSync(file.replace(declaration, '.$1js'));
  const isStale = changed('package-lock.json') > changed(notes) || ![...expected].every(isThere);
  if (isStale) rmSync(notes, { force: true });
}

run('scripts/build-migrations.mjs', '--keep');
const expected = expectedDeclarations();
removeOrphans(expected);
forgetStaleNotes(expected);
run(tsc, '-b', 'tsconfig.json');
