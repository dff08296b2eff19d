// Links between pages, to files and to headings. VitePress finds dead links to pages too, but knows neither the README nor
// what is outside of docs/.
import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { proseOf, readPages } from './pages.mjs';

/** The anchor of a heading, as code hosts make it. The site uses the same, so that links hold in both. */
export const slugOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(' ', '-');

/** The anchors of a page's headings. */
export function anchorsOf(page) {
  const seen = new Map();
  return proseOf(page)
    .map((line) => /^#{1,6} (.+)$/.exec(line)?.[1])
    .filter(Boolean)
    .map((heading) => slugOf(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')))
    .map((slug) => {
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    });
}

/** Inline links and images, in which `code` counts as text. Paragraphs may break inside of them. */
function linksOf(page) {
  const text = proseOf(page)
    .join('\n')
    .replace(/(`+)[^]*?\1/g, (code) => code.replace(/[^\n]/g, 'x'));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: target, index }) => ({
    target,
    line: text.slice(0, index).split('\n').length,
  }));
}

/** @returns what leads nowhere, and how many links there were. */
export function checkLinks() {
  const pages = new Map(readPages().map((page) => [page.file, page]));
  const problems = [];
  let count = 0;
  for (const page of pages.values()) {
    for (const { target, line } of linksOf(page)) {
      if (/^[a-z]+:/.test(target)) continue;
      count++;
      const [path, anchor] = target.split('#');
      const file = path === '' ? page.file : normalize(join(dirname(page.file), path));
      const at = `${page.file}:${line}: ${target}`;
      // The API pages are made by the build, which looks at links to them itself.
      if (/^docs\/api\//.test(file)) continue;
      if (!existsSync(file)) problems.push(`${at} leads nowhere`);
      else if (anchor !== undefined && pages.has(file) && !anchorsOf(pages.get(file)).includes(anchor))
        problems.push(`${at}: ${file} has no such heading`);
      else if (page.file.startsWith('docs/') && file.startsWith('docs/') && statSync(file).isDirectory())
        problems.push(`${at} is a folder: link a page`);
    }
  }
  return { problems, count };
}
