// npm run docs:check | docs:write: what the pages say in code, links and figures.
import { checkLinks } from './links.mjs';
import { checkSnippets } from './snippets.mjs';

const write = process.argv.includes('--write');
const snippets = checkSnippets({ write });
const links = checkLinks();
const problems = [...snippets.problems, ...links.problems];
for (const problem of problems) console.error(problem);
const { compiled, run, unchecked } = snippets.count;
console.log(
  `docs: ${compiled} snippets compiled, ${run} equal to files that the tests run, ${unchecked} unchecked; ${links.count} links`,
);
if (problems.length > 0) process.exitCode = 1;
