/** What a run leaves in docs/: its figures, a chart, and the tables in the page that explains them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { chartOf } from './chart';
import type { Report } from './main';
import { cellText } from './table';

const folder = join(__dirname, '..', '..', '..', 'docs');
const data = join(folder, 'proof-data.json');
const page = join(folder, 'proof.md');
const begin = '<!-- proof: written by npm run proof -- --docs -->';
const end = '<!-- proof: end -->';

/** Writes all three. Rows that did not run this time stay as they are. */
export function writeDocs(report: Report, order: readonly string[]): void {
  const all = existsSync(data)
    ? merged(JSON.parse(readFileSync(data, 'utf8')) as Report, report, order)
    : report;
  writeFileSync(data, `${JSON.stringify(all, undefined, 2)}\n`);
  writeFileSync(join(folder, 'proof.svg'), chartOf(all));
  const [before, rest] = readFileSync(page, 'utf8').split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page} has no place for the tables between "${begin}" and "${end}"`);
  writeFileSync(page, `${before}${begin}\n\n${tablesOf(all)}\n\n${end}${after}`);
}

function merged(old: Report, report: Report, order: readonly string[]): Report {
  const isNew = (name: string): boolean => report.systems.some((system) => system.name === name);
  const systems = [...old.systems.filter(({ name }) => !isNew(name)), ...report.systems];
  return {
    ...report,
    systems: systems.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
    results: [...old.results.filter(({ system }) => !isNew(system)), ...report.results],
    broken: [...old.broken.filter((line) => !isNew(line.split(',')[0] ?? '')), ...report.broken],
  };
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function tablesOf(report: Report): string {
  const { systems, cells } = report;
  const find = (system: string, cell: string) =>
    report.results.find((result) => result.system === system && result.cell === cell);
  // Systems are columns here: a page is not wide enough for fifteen cells.
  const table = (some: Report['systems']): string =>
    [
      row(['', ...some.map(({ title }) => title)]),
      row(['---', ...some.map(() => '---')]),
      ...cells.map((cell) =>
        row([
          cell.title,
          ...some.map(({ name }) => {
            const result = find(name, cell.name);
            return result ? cellText(result) : '';
          }),
        ]),
      ),
    ].join('\n');
  const ours = systems.filter(({ isOurs }) => isOurs);
  const others = systems.filter(({ isOurs }) => !isOurs);
  const when = (run: Report['systems'][number]['run']): string =>
    `${run.startedAt.slice(0, 10)}, ${run.trials} trials in each cell, seed ${run.seed}, pace ${run.pace}`;
  const setUps = systems.map(({ title, setUp, run }) => row([title, setUp, when(run)]));
  const missing = systems.map(({ name, title }) => {
    const reasons = cells.flatMap((cell) => {
      const reason = find(name, cell.name)?.notApplicable;
      return reason === undefined ? [] : [{ cell: cell.title, reason }];
    });
    const said = [...new Set(reasons.map(({ reason }) => reason))].map(
      (reason) =>
        `${reasons
          .filter((one) => one.reason === reason)
          .map(({ cell }) => cell)
          .join(', ')}: ${reason}`,
    );
    return said.length === 0 ? [] : [row([title, said.join('; ')])];
  });
  return [
    '![Share of intents with one effect and its result, for each system](proof.svg)',
    ...['### This guard', table(ours), '### Others', table(others)],
    ...[
      '### How each was set up',
      [row(['system', 'set up', 'run']), row(['---', '---', '---']), ...setUps].join('\n'),
    ],
    ...[
      '### Cells that do not exist',
      [row(['system', 'why']), row(['---', '---']), ...missing.flat()].join('\n'),
    ],
    ...[
      '### The columns',
      [
        row(['cell', 'what happens']),
        row(['---', '---']),
        ...cells.map(({ title, about }) => row([title, about])),
      ].join('\n'),
    ],
  ].join('\n\n');
}
