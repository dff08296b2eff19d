/** A project as it lies there: its package, and the files that make workers or bundles of workflows. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, extname, join, relative, sep } from 'node:path';

import { compilerFor, fromFolder, Refusal, type Compiler, type TypeScript } from './compiler';

/** What is known of a project. */
export interface Project {
  readonly root: string;
  readonly ts: Compiler;
  readonly program: TypeScript.Program;
  readonly checker: TypeScript.TypeChecker;
  /** Those that make workers or bundles. */
  readonly files: readonly TypeScript.SourceFile[];
  /** Of the SDK, as it is installed. */
  readonly sdkVersion: string;
}

const sources = new Set(['.ts', '.mts', '.cts', '.tsx', '.js', '.mjs', '.cjs']);
const skipped = new Set(['node_modules', 'dist', 'build', 'out', 'coverage']);
const ofTests = /(^|\/)(tests?|__tests__|mocha|specs?|e2e)\/|\.(test|spec)\.[cm]?[jt]sx?$/;
const makesWorkers = /\.\s*create\s*[(<]|\bbundleWorkflowCode\b/;
const ofTheSdk = /['"]@temporalio\/worker['"]/;

/** More than any package has; a home folder has more. */
const mostFiles = 20_000;

/** The oldest SDK that the guard works with. */
const oldestSdk = [1, 23] as const;

/** A path as it is shown. */
export const shownPath = (root: string, file: string): string =>
  relative(root, file).split(sep).join('/') || '.';

/** Source files below, each with the folder of its package. Links are not followed. */
function* filesBelow(folder: string, packageFolder: string): Generator<{ file: string; of: string }> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (skipped.has(entry.name) || entry.name.startsWith('.')) continue;
      yield* filesBelow(path, existsSync(join(path, 'package.json')) ? path : packageFolder);
    } else if (entry.isFile() && sources.has(extname(path)) && !/\.d\.[cm]?ts$/.test(path))
      yield { file: path, of: packageFolder };
  }
}

const isTypeScript = (file: string): boolean => /\.[cm]?tsx?$/.test(file);

/** @throws Refusal where none makes a worker */
function workerFiles(root: string): string[] {
  const found: { file: string; of: string }[] = [];
  let looked = 0;
  for (const each of filesBelow(root, root)) {
    if (++looked > mostFiles)
      throw new Refusal(`${root} holds more than ${mostFiles} source files. Name the folder of one package.`);
    if (ofTests.test(shownPath(root, each.file))) continue;
    const text = readFileSync(each.file, 'utf8');
    if (ofTheSdk.test(text) && makesWorkers.test(text)) found.push(each);
  }
  const own = found.filter(({ of }) => of === root).map(({ file }) => file);
  const others = [...new Set(found.map(({ of }) => of))].map((folder) => shownPath(root, folder));
  if (own.length === 0)
    throw new Refusal(
      others.length > 0
        ? `No file of this package makes a worker, but some of others below it do. Name one: ${others.join(', ')}`
        : 'No file here makes a worker: none imports @temporalio/worker and calls Worker.create(). Tests, build output and links are not looked at.',
    );
  // Compiled files lie beside their sources in many projects.
  return own.some(isTypeScript) ? own.filter(isTypeScript) : own;
}

/** @throws Refusal where the SDK is not installed, or too old */
function sdkVersionFor(file: string): string {
  const { version } = fromFolder<{ version: string }>(dirname(file), '@temporalio/worker/package.json') ?? {};
  if (version === undefined)
    throw new Refusal('@temporalio/worker is not installed. Install the dependencies of this project first.');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major !== oldestSdk[0] || minor < oldestSdk[1])
    throw new Refusal(
      `activity-guard needs @temporalio/* ${oldestSdk.join('.')} or later (1.x); ${version} is installed. Upgrade all of them to one version first.`,
    );
  return version;
}

/** Those of the file's tsconfig, or what Node takes; nothing is written, and JavaScript is read, too. */
function compilerOptions(ts: Compiler, file: string): TypeScript.CompilerOptions {
  const config = ts.findConfigFile(dirname(file), (name) => ts.sys.fileExists(name));
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const parsed = config === undefined ? undefined : ts.getParsedCommandLineOfConfigFile(config, {}, host);
  const { ModuleKind, ModuleResolutionKind, ScriptTarget } = ts;
  const { NodeNext } = ModuleKind;
  return {
    ...(parsed?.options ?? {
      ...{ module: NodeNext, moduleResolution: ModuleResolutionKind.NodeNext, target: ScriptTarget.ES2022 },
    }),
    ...{ noEmit: true, allowJs: true, checkJs: false, skipLibCheck: true, composite: false },
    incremental: false,
  };
}

/**
 * @param folder of the package
 * @throws Refusal what is missing
 */
export function projectIn(folder: string): Project {
  if (!existsSync(join(folder, 'package.json')))
    throw new Refusal(
      `There is no package.json in ${folder}. Name the folder of the package with the worker.`,
    );
  try {
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8').replace(/^\ufeff/, ''));
  } catch {
    throw new Refusal('package.json is not JSON.');
  }
  const root = realpathSync(folder);
  const names = workerFiles(root);
  const [first = ''] = names;
  const sdkVersion = sdkVersionFor(first);
  const ts = compilerFor(dirname(first));
  const program = ts.createProgram(names, compilerOptions(ts, first));
  const files = names.flatMap((name) => program.getSourceFile(name) ?? []);
  for (const file of files) {
    const [error] = program.getSyntacticDiagnostics(file);
    if (error) throw new Refusal(`${placeIn(root, file, error.start)} cannot be parsed. Mend it first.`);
  }
  return { root, ts, program, checker: program.getTypeChecker(), files, sdkVersion };
}

/** Where something is, for people. */
export const placeIn = (root: string, file: TypeScript.SourceFile, position: number): string =>
  `${shownPath(root, file.fileName)}:${file.getLineAndCharacterOfPosition(position).line + 1}`;
