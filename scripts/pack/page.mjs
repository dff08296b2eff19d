// The part of docs/compatibility.md that `npm run test:matrix -- --docs` writes.
const begin = '<!-- what ran: written by npm run test:matrix -- --docs -->';
const end = '<!-- end of what ran -->';

/** A line for each cell: how many checks passed, or why it was not run. */
export function compatibilityPage(page, rows) {
  const cells = new Map();
  for (const { project, check, outcome, detail } of rows) {
    const [cell, what] = check.split(': ');
    const key = `${project}|${cell}`;
    const known = cells.get(key) ?? { axis: project, cell, passed: 0, failed: [], tests: 0 };
    if (outcome === 'passed') known.passed++;
    else known.failed.push(outcome === 'not run' ? `not run: ${detail}` : `failed: ${what ?? ''}`);
    known.tests += Number(/^(\d+) tests/.exec(detail)?.[1] ?? 0);
    cells.set(key, known);
  }
  const lines = [...cells.values()].map(({ axis, cell, passed, failed, tests }) => {
    const outcome = [
      passed > 0 ? `passed: ${passed}` : '',
      tests > 0 ? `tests of the contract: ${tests}` : '',
      ...failed,
    ];
    return `| ${axis} | ${cell} | ${outcome.filter(Boolean).join('; ')} |`;
  });
  const table = ['| varied | cell | what came of it |', '|---|---|---|', ...lines].join('\n');
  const [before, rest] = page.split(begin);
  const after = rest.split(end)[1];
  return `${before}${begin}\n\n${table}\n\n${end}${after}`;
}
