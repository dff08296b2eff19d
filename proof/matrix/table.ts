/** The matrix as text. */
import type { CellResult } from './result';
import type { Report } from './main';

/** One cell: how many intents were fine of how many, and what went wrong with the others. */
export function cellText(result: CellResult): string {
  if (result.notApplicable !== undefined) return 'n/a';
  const { n, duplicated, lost, stuck, misled } = result;
  const wrong = [
    [duplicated, 'twice'] as const,
    [lost, 'lost'] as const,
    [stuck, 'stuck'] as const,
    [misled, 'misled'] as const,
  ].filter(([count]) => count > 0);
  const landed = result.isVacuous ? ` (${result.landed} landed)` : '';
  if (wrong.length === 0) return `${isFine(result) ? '✓' : '?'} ${n}${landed}`;
  return `✗ ${wrong.map(([count, what]) => `${count} ${what}`).join(', ')} of ${n}${landed}`;
}

/** Each intent had one effect, and each caller its result. */
export const isFine = (result: CellResult): boolean =>
  !result.isVacuous &&
  result.duplicated + result.lost + result.stuck + result.misled === 0 &&
  result.resolved === result.landed;

export function rowsOf({
  systems,
  cells,
  results,
}: Report): (readonly [title: string, texts: readonly string[]])[] {
  const find = (system: string, cell: string): CellResult | undefined =>
    results.find((result) => result.system === system && result.cell === cell);
  return systems.map(({ name, title }) => [
    title,
    cells.map((cell) => {
      const result = find(name, cell.name);
      return result ? cellText(result) : '';
    }),
  ]);
}

/** For a terminal: a block for each system, as the columns are too many for one line. */
export function textOf(report: Report): string {
  const width = Math.max(...report.cells.map(({ title }) => title.length));
  const blocks = rowsOf(report).map(([title, texts], row) => {
    const system = report.systems[row]?.name;
    const lines = report.cells.map((cell, i) => {
      const result = report.results.find((r) => r.system === system && r.cell === cell.name);
      const persons = result?.decidedByPersons ? `, ${result.decidedByPersons} decided by a person` : '';
      return `  ${cell.title.padEnd(width)}  ${texts[i]}${persons}`;
    });
    return [title, ...lines].join('\n');
  });
  const { trials, seed } = report.systems[0]?.run ?? { trials: 0, seed: 0 };
  return [...blocks, `${trials} trials in each cell, seed ${seed}, ${report.seconds} s`].join('\n\n');
}
