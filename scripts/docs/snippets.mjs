// Code in the pages: every TypeScript fence is compiled against the built package, as a user with `strict` would, or equals a
// region of a file in examples/, which is compiled and run by the tests.
//
// A fence is a module. A hidden comment right before it says what else belongs to it:
//   <!-- snippet as NAME -->              its name, for `with`
//   <!-- snippet with A, B -->            those fences of the same page are in the same module
//   <!-- snippet given CODE -->           what the reader has to imagine
//   <!-- snippet from FILE#REGION -->     it is that region (// #region NAME … // #endregion)
// `…` stands for what is left out. Names that no page explains are in world.ts. `ts no-check` is not compiled; keep these few.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import ts from 'typescript';

import { fencesOf, readPages } from './pages.mjs';

const world = resolve('scripts/docs/world.ts');
const options = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  types: ['node', 'jest'],
  // Of the Agents SDK only this half is installed here. It has all that the pages take from it.
  paths: { '@openai/agents': [resolve('node_modules/@openai/agents-core/dist/index.d.ts')] },
  strict: true,
  noEmit: true,
  skipLibCheck: true,
};

/** The lines of a region, without its indentation. */
function regionOf(file, name) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.trim() === `// #region ${name}`);
  const length = lines.slice(start).findIndex((line) => line.trim() === '// #endregion');
  if (start === -1 || length === -1) return undefined;
  const region = lines.slice(start + 1, start + length);
  const indent = /^ */.exec(lines[start])[0].length;
  return region.map((line) => line.slice(indent));
}

/** Fences that are regions: those that differ are problems, or are written anew. */
function checkRegion(page, fence, write) {
  const { from, region } = fence.snippet;
  const wanted = regionOf(from, region);
  const at = `${page.file}:${fence.start + 1}`;
  if (!wanted) return [`${at}: ${from} has no region ${region}`];
  const shown = page.lines.slice(fence.start + 1, fence.end);
  if (shown.join('\n') === wanted.join('\n')) return [];
  if (!write) return [`${at}: differs from ${from}#${region}; npm run docs:write copies it`];
  page.lines.splice(fence.start + 1, shown.length, ...wanted);
  return [];
}

/** The page with all lines empty but those of the fence and its parts, so that errors have the page's line numbers. */
function moduleOf(page, fences, fence) {
  const lines = page.lines.map(() => '');
  const named = fence.snippet?.others ?? [];
  const parts = named.map((name) => fences.find(({ snippet }) => snippet?.as === name));
  if (parts.includes(undefined))
    throw new Error(`${page.file}:${fence.start}: no snippet as ${named.join(', ')}`);
  for (const { start, end, snippet } of [...parts, fence]) {
    for (let at = start + 1; at < end; at++) lines[at] = page.lines[at];
    if (snippet?.given) lines[snippet.first] = snippet.given.replaceAll('\n', ' ');
  }
  return lines.join('\n').replaceAll('…', '(undefined as never)');
}

/** Compiles texts that are in no file. */
function compile(modules) {
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (file) => modules.get(file) ?? readFile(file);
  host.fileExists = (file) => modules.has(file) || fileExists(file);
  const program = ts.createProgram([world, ...modules.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const { file, start } = diagnostic;
    const line = file ? file.getLineAndCharacterOfPosition(start ?? 0).line + 1 : 0;
    const name = file?.fileName.replace(/\.\d+\.mts$/, '').replace(`${process.cwd()}/`, '');
    return `${name}:${line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
  });
}

/** @returns what is wrong, and how many fences there were of each kind. */
export function checkSnippets({ write = false } = {}) {
  const [problems, modules, count] = [[], new Map(), { compiled: 0, run: 0, unchecked: 0 }];
  for (const page of readPages()) {
    const before = page.lines.join('\n');
    const fences = fencesOf(page);
    // From the last to the first: a region of another length moves those after it.
    for (const fence of fences.filter(({ snippet }) => snippet?.from).reverse()) {
      problems.push(...checkRegion(page, fence, write));
      count.run++;
    }
    const after = page.lines.join('\n');
    if (before !== after) writeFileSync(page.file, after);
    for (const fence of fencesOf(page)) {
      if (fence.language !== 'ts' || fence.snippet?.from) continue;
      if (fence.info === 'no-check') count.unchecked++;
      else modules.set(resolve(`${page.file}.${fence.start}.mts`), moduleOf(page, fencesOf(page), fence));
    }
  }
  count.compiled = modules.size;
  return { problems: [...problems, ...compile(modules)], count };
}
