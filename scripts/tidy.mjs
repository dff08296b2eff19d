// The habits no linter here knows: sizes, names, export forms, doc comments of what users import, and nothing in
// the repository that names the machine it was written on.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, relative, resolve } from 'node:path';
import ts from 'typescript';

const maxFileLines = 450;
const maxFunctionLines = 70;
const library = /^src\//;
const product = /^(src|workflows|activities|examples)\//;
const code = /\.(ts|tsx|mts|cts|js|mjs|cjs)$/;
const generated = /\.generated\.ts$/;
const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/;

const problems = [];
const report = (file, line, message) => problems.push(`${file}${line ? `:${line}` : ''}: ${message}`);
const git = (...args) => execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
const lineAt = (source, position) => source.getLineAndCharacterOfPosition(position).line + 1;

/** Tracked files and new ones that are not ignored. */
const files = git('ls-files', '-z', '--cached', '--others', '--exclude-standard')
  .split('\0')
  .filter((file) => file !== '' && existsSync(file));

function checkSizes(file, source) {
  const lines = source.text.trimEnd().split('\n').length;
  if (lines > maxFileLines) report(file, 0, `${lines} lines, ${maxFileLines} at most`);
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const length = lineAt(source, node.end) - lineAt(source, node.getStart(source)) + 1;
      if (length > maxFunctionLines) {
        report(
          file,
          lineAt(source, node.getStart(source)),
          `a function of ${length} lines, ${maxFunctionLines} at most`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function checkExports(file, source) {
  for (const statement of source.statements) {
    const line = lineAt(source, statement.getStart(source));
    const isDefault =
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword)) ||
      (ts.isExportDeclaration(statement) &&
        statement.exportClause &&
        ts.isNamedExports(statement.exportClause) &&
        statement.exportClause.elements.some((element) => element.name.text === 'default'));
    if (isDefault) report(file, line, 'a default export; name it');
    const isStar =
      ts.isExportDeclaration(statement) &&
      (!statement.exportClause || ts.isNamespaceExport(statement.exportClause));
    if (isStar) report(file, line, 'export *; list the names');
  }
}

/** The host of the registry in use here, so that it is looked for without being named in this file. */
function registryHosts() {
  try {
    const registry = execFileSync('npm', ['config', 'get', 'registry'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return [new URL(registry.trim()).host].filter((host) => !/^(localhost|127\.|\[)/.test(host));
  } catch {
    return [];
  }
}

/** What must not be named: found from where this runs and from general forms, so that none is spelled out here. */
function privatePatterns() {
  const anyOf = (texts) =>
    texts.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|') || '(?!)';
  const here = process.cwd().split(/[\\/]/).filter(Boolean);
  const usual = /^(app|home|media|mnt|opt|private|repo|root|runner|srv|tmp|usr|Users|var|workspace|[A-Z]:)$/;
  const places = [homedir(), process.cwd()].filter(
    (place) => place.split(/[\\/]/).filter(Boolean).length > 1,
  );
  const top = here.length > 1 && !usual.test(here[0]) ? [`/${here[0]}/`] : [];
  return [
    [new RegExp(`(?<![\\w.~/-])(${anyOf(top)}|(${anyOf(places)})(?![\\w-]))`), 'a path of this machine'],
    [/(?<![\w.~/-])(\/(home|Users)\/[\w.-]+|\/root)\/|\b[A-Z]:\\Users\\/, 'a path of some machine'],
    [new RegExp(anyOf(registryHosts())), 'the host of a package registry'],
    [
      /\b(registry|npm|pypi|artifactory)\.[a-z0-9-]+\.[a-z]+\b|:\/\/pypi\.|\/artifactory\//,
      'the host of a package registry',
    ],
  ];
}

function checkPrivacy() {
  const patterns = privatePatterns();
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    if (text.includes('\0')) continue;
    text.split('\n').forEach((line, index) => {
      for (const [pattern, what] of patterns)
        if (pattern.test(line)) report(file, index + 1, `names ${what}`);
    });
  }
}

/** The sources behind the `types` of package.json's exports. */
function entrySources() {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.values(exports)
    .filter((target) => typeof target === 'object')
    .map((target) => target.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'))
    .filter((file) => existsSync(file));
}

function isDocumented(symbol, checker) {
  const declarations = symbol.declarations ?? [];
  const isForeign = declarations.every((declaration) =>
    /node_modules/.test(declaration.getSourceFile().fileName),
  );
  return isForeign || symbol.getDocumentationComment(checker).length > 0;
}

function checkDocs() {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd());
  const entries = entrySources();
  const program = ts.createProgram(entries, { ...options, noEmit: true, incremental: false });
  const checker = program.getTypeChecker();
  const seen = new Set();
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(resolve(entry)));
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (seen.has(symbol) || isDocumented(symbol, checker)) continue;
      seen.add(symbol);
      const declaration = symbol.declarations?.[0];
      const source = declaration?.getSourceFile();
      report(
        source ? relative(process.cwd(), source.fileName) : entry,
        source ? lineAt(source, declaration.getStart(source)) : 0,
        `${exported.name}, exported by ${entry}, has no doc comment`,
      );
    }
  }
}

for (const file of files.filter((name) => code.test(name))) {
  if (!kebab.test(basename(file))) report(file, 0, 'file names are kebab-case');
  if (!product.test(file) || generated.test(file)) continue;
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  checkExports(file, source);
  if (library.test(file)) checkSizes(file, source);
}
checkPrivacy();
checkDocs();
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`style: ${files.length} files`);
