// npm run docs:check: what the pages say in code, figures and links; docs:write copies snippets and figures into them.
import { checkFigures } from './figures.mjs';
import { checkLinks } from './links.mjs';
import { checkSnippets } from './snippets.mjs';

const write = process.argv.includes('--write');
const snippets = checkSnippets({ write });
const figures = checkFigures({ write });
const links = checkLinks();
for (const problem of [snippets, figures, links].flatMap(({ problems }) => problems)) {
  console.error(problem);
  process.exitCode = 1;
}
const { compiled, run, unchecked } = snippets.count;
console.log(
  `docs: ${compiled} snippets compiled, ${run} equal to files that the tests run, ${unchecked} unchecked; ` +
    `${figures.count} tables of figures, ${links.count} links`,
);
