// npm run docs:build: the API reference, and the site in docs/.vitepress/dist.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { build } from 'vitepress';

import { writeApi } from './api.mjs';

const out = 'docs/.vitepress/dist';

/** What VitePress does not look at: headings that links name, and files that come from elsewhere. */
function checkBuilt() {
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' }).map((file) =>
    file.replaceAll('\\', '/'),
  );
  const html = files.filter((file) => file.endsWith('.html'));
  const texts = new Map(html.map((file) => [file, readFileSync(join(out, file), 'utf8')]));
  const ids = new Map([...texts].map(([file, text]) => [file, new Set(matches(text, / id="([^"]+)"/g))]));
  const problems = [];
  for (const [file, text] of texts) {
    for (const href of new Set(matches(text, /<a [^>]*href="([^"]+)"/g))) {
      if (/^[a-z]+:/.test(href)) continue;
      const [path, anchor] = decodeURIComponent(href).split('#');
      const target =
        path === ''
          ? file
          : posix.join(path.startsWith('/') ? '' : posix.dirname(file), path).replace(/^\//, '');
      const page = [target, `${target}.html`, posix.join(target, 'index.html')].find(
        (each) => files.includes(each) && statSync(join(out, each)).isFile(),
      );
      if (!page) problems.push(`${file}: ${href} leads nowhere`);
      else if (anchor && ids.has(page) && !ids.get(page).has(anchor))
        problems.push(`${file}: ${href} names no heading`);
    }
    for (const remote of matches(
      text,
      /<(?:link|script|img|iframe)[^>]* (?:href|src)="((?:https?:)?\/\/[^"]+)"/g,
    ))
      problems.push(`${file} loads ${remote}`);
  }
  // The home page has no sidebar; all others have the whole of it.
  const sidebar = matches(texts.get('why.html'), /<a [^>]*href="\/([^"]+\.html)"/g);
  for (const file of html)
    if (!/^(api\/|index|404)/.test(file) && !sidebar.includes(file))
      problems.push(`${file} is not in the sidebar`);
  return problems;
}

const matches = (text, pattern) => [...text.matchAll(pattern)].map(([, group]) => group);

try {
  await writeApi();
  await build('docs');
  const problems = checkBuilt();
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
