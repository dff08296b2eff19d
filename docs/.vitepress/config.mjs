// The site made of the pages in docs/, which are read on a code host as well: links to sources become plain text here.
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitepress';

import { slugOf } from '../../scripts/docs/links.mjs';

const docs = fileURLToPath(new URL('..', import.meta.url));
/** Pages may be missing: what is not there is not in the sidebar. */
const pages = (entries) =>
  Object.entries(entries)
    .filter(([, page]) => existsSync(join(docs, `${page}.md`)))
    .map(([text, page]) => ({ text, link: `/${page}` }));
const group = (text, entries) => ({ text, collapsed: false, items: pages(entries) });

function apiPages() {
  const file = join(docs, 'api/typedoc-sidebar.json');
  if (!existsSync(file)) return [];
  return [
    { text: 'API reference', link: '/api/', collapsed: true, items: JSON.parse(readFileSync(file, 'utf8')) },
  ];
}

const sidebar = [
  group('Start', {
    Why: 'why',
    'Quick start': 'quick-start',
    Concepts: 'concepts',
    Glossary: 'glossary',
  }),
  group('Guides', {
    'A payment provider': 'guides/payments',
    'E-mail': 'guides/email',
    'An effect in the database': 'guides/database',
    Webhooks: 'guides/webhooks',
    'Human resolution': 'guides/people',
    'From keys of your own': 'guides/own-keys',
    'From safeagent-exec-guard': 'guides/from-safeagent',
  }),
  group('Frameworks', {
    'All of them': 'frameworks',
    'Tools of agents': 'agents',
    MCP: 'mcp',
    HTTP: 'http',
  }),
  group('Reference', {
    'Kinds of effects': 'effects',
    'Request ids': 'request-ids',
    'Unknown outcomes': 'unknown-outcomes',
    'Decisions and undos': 'decisions',
    'The command line': 'cli',
    Preflight: 'preflight',
    'The protocol': 'protocol',
  }),
  ...apiPages(),
  group('Operations', {
    Overview: 'operations',
    Telemetry: 'telemetry',
    'The dashboard': 'dashboard',
    'Roles and tenants': 'security',
    Audit: 'audit',
    Failover: 'failover',
    Scaling: 'scaling',
    Versions: 'compatibility',
    'Reconciliation report': 'reconciliation-report',
  }),
  group('What was tried', {
    'Guarantees and limits': 'guarantees',
    Comparison: 'comparison',
    'The crash matrix': 'proof',
    Performance: 'performance',
    'The fault campaign': 'campaign',
    'Bad input': 'fuzz',
    'A model of the protocol': 'model/README',
  }),
  group('For contributors', { Architecture: 'architecture', 'Decision records': 'decision-records' }),
].filter(({ items }) => items.length > 0);

/** Links to sources, outside of docs/ or in it, become text: the site does not have them. docs:check knows that they exist. */
function plainSources(md) {
  md.core.ruler.push('plain-sources', ({ tokens, env }) => {
    const isSource = (href) =>
      !/^([a-z]+:|#)/.test(href) &&
      (/\.pml$/.test(href) || join(dirname(env.relativePath), href).startsWith('..'));
    for (const { children } of tokens) {
      let isInside = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open' && isSource(token.attrGet('href'))) {
          isInside = true;
          token.attrs = [['title', token.attrGet('href').replace(/^(\.\.\/)+/, '')]];
        }
        if (!isInside || !/^link_/.test(token.type)) continue;
        isInside = token.type === 'link_open';
        Object.assign(token, { type: 'source', tag: 'span' });
      }
    }
  });
}

/** Data that pages link: taken over as it is. */
function copyData({ outDir }) {
  for (const folder of ['.', 'model'])
    for (const file of readdirSync(join(docs, folder)))
      if (/\.(json|yml)$/.test(file)) copyFileSync(join(docs, folder, file), join(outDir, folder, file));
}

export default defineConfig({
  title: 'activity-guard',
  description: 'Irreversible activities, once',
  lang: 'en',
  buildEnd: copyData,
  // The proof's and the bench's tables are wide, and some pages long: the chunks are what they are.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  markdown: { anchor: { slugify: slugOf }, config: plainSources },
  themeConfig: {
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
