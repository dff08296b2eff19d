// The API reference: a page for each entry of package.json's exports, from the doc comments, in docs/api (not in git).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Application, Comment, Converter } from 'typedoc';

import { anchorsOf } from './links.mjs';

const folder = 'docs/api';
/** Types that nobody has to name: parts of exported ones. */
const unnamed = [
  ...['HeldEffect', 'receiptStates', 'ShownValue', 'Absent', 'Queryable', 'Query', 'Settled', 'Roles'],
  ...['resolveActivity', 'finalityActivity', 'ResolveAnswer', 'ResolveRequest'],
];

/** Subpaths by the source of their types: what users import, whatever the file is called. */
function entryNames() {
  const { name, exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const entries = Object.entries(exports).filter(([, { types }]) => types);
  return new Map(
    entries.map(([subpath, { types }]) => [
      types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'),
      subpath.replace('.', name),
    ]),
  );
}

/** What the comment at the head of a file says of it. */
const headOf = (file) =>
  /^\/\*\*([^]*?)\*\//
    .exec(readFileSync(file, 'utf8'))?.[1]
    .replace(/^ ?\* ?/gm, '')
    .trim() ?? '';

/** The plugin counts some headings that it does not write: `#name-1` where there is a `#name` alone. */
function mendAnchors() {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.md'),
  );
  const anchors = (file) => new Set(anchorsOf({ file, lines: readFileSync(file, 'utf8').split('\n') }));
  for (const file of files.map((name) => join(folder, name))) {
    const text = readFileSync(file, 'utf8');
    const mended = text.replace(/\]\(([^)#]*)#([^)]+)-1\)/g, (link, path, anchor) => {
      const known = anchors(path === '' ? file : join(dirname(file), path));
      return known.has(`${anchor}-1`) || !known.has(anchor) ? link : `](${path}#${anchor})`;
    });
    if (mended !== text) writeFileSync(file, mended);
  }
}

/** Writes the pages and their sidebar. */
export async function writeApi() {
  const names = entryNames();
  const missing = [...names.keys()].filter((file) => !existsSync(file));
  if (missing.length > 0)
    throw new Error(`package.json exports types that have no source: ${missing.join(', ')}`);
  const app = await Application.bootstrapWithPlugins({
    name: 'API reference',
    entryPoints: [...names.keys()],
    plugin: ['typedoc-plugin-markdown', 'typedoc-vitepress-theme'],
    tsconfig: 'tsconfig.json',
    out: folder,
    docsRoot: 'docs',
    readme: 'none',
    disableSources: true,
    excludeExternals: true,
    excludeInternal: true,
    excludePrivate: true,
    gitRevision: 'none',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    entryFileName: 'index.md',
    outputFileStrategy: 'modules',
    parametersFormat: 'table',
    propertiesFormat: 'list',
    skipErrorChecking: true,
    intentionallyNotExported: unnamed,
    logLevel: 'Warn',
  });
  const sources = new Map(
    [...names.keys()].map((file) => [file.replace(/^src\/|(\/index)?\.ts$/g, ''), file]),
  );
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.children ?? []) {
      const file = sources.get(module.name);
      if (!file) throw new Error(`${module.name} is no entry`);
      module.name = names.get(file);
      module.comment ??= new Comment([{ kind: 'text', text: headOf(file) }]);
    }
  });
  const project = await app.convert();
  if (!project) throw new Error('the sources cannot be read');
  app.validate(project);
  await app.generateOutputs(project);
  mendAnchors();
  if (app.logger.hasErrors() || app.logger.hasWarnings())
    throw new Error('the API reference has faults, see above');
}
