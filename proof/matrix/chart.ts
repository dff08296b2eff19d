/** The matrix as a picture: a square for each cell, readable on light and dark grounds. */
import type { CellResult } from './result';
import type { Report } from './main';
import { isFine } from './table';

const size = { left: 250, top: 120, cell: 34, row: 26, foot: 40 } as const;

const style = `<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .in { font-size: 11px; fill: #fff; font-weight: 600; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .in { fill: #fff; } }
</style>`;

/** Told apart also by those who see few colours, and by what stands in the square. */
const colours = { fine: '#0f8b8d', twice: '#b3372b', other: '#b8651b', none: '#8b949e' } as const;

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function chartOf({ systems, cells, results }: Report): string {
  const width = size.left + cells.length * size.cell + 20;
  const height = size.top + systems.length * size.row + size.foot;
  const heads = cells.map(({ title }, i) => {
    const [x, y] = [size.left + i * size.cell + 20, size.top - 8];
    return `<text x="${x}" y="${y}" transform="rotate(-50 ${x} ${y})">${escape(title)}</text>`;
  });
  const rows = systems.flatMap(({ name, title }, line) => {
    const y = size.top + line * size.row;
    const squares = cells.map((cell, i) => {
      const result = results.find((one) => one.system === name && one.cell === cell.name);
      return square(result, size.left + i * size.cell, y);
    });
    return [`<text x="${size.left - 8}" y="${y + 17}" text-anchor="end">${escape(title)}</text>`, ...squares];
  });
  const legend: readonly (readonly [string, string])[] = [
    [colours.fine, 'one effect, and its result'],
    [colours.twice, 'some happened twice'],
    [colours.other, 'none twice, but lost, stuck or misled'],
    [colours.none, 'does not exist'],
  ];
  const foot = legend.map(([colour, text], i) => {
    const [x, y] = [20 + i * 190, height - 24];
    return `<rect x="${x}" y="${y}" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="${y + 11}">${text}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.max(width, 800)} ${height}" role="img" aria-label="The crash matrix: systems by crash points and faults">
${style}
${[...heads, ...rows, ...foot].join('\n')}
</svg>
`;
}

/** The percentage of intents that went wrong; a tick where none did. */
function square(result: CellResult | undefined, x: number, y: number): string {
  if (!result) return '';
  const box = (colour: string, text: string): string =>
    `<rect x="${x + 1}" y="${y + 1}" width="${size.cell - 2}" height="${size.row - 2}" rx="3" fill="${colour}"/>` +
    `<text class="in" x="${x + size.cell / 2}" y="${y + 17}" text-anchor="middle">${text}</text>`;
  if (result.notApplicable !== undefined) return box(colours.none, '–');
  if (isFine(result)) return box(colours.fine, '✓');
  const wrong = result.duplicated + result.lost + result.stuck + result.misled;
  const share = wrong === 0 ? '?' : `${Math.min(100, Math.round((100 * wrong) / result.n))}%`;
  return box(result.duplicated > 0 ? colours.twice : colours.other, share);
}
