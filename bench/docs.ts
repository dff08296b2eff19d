/** What a run leaves in docs/: its figures, a chart, and the tables in the page that explains them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { chartOf, type Panel } from './chart';
import { contenderNames } from './contenders';
import type { Report } from './report';
import { sizeText, toMarkdown } from './table';
import type { Cell } from './workloads/fresh';
import type { MeasuredPeer } from './workloads/peers';

const folder = join(__dirname, '..', '..', 'docs');
const end = '<!-- bench: end -->';
const seriesNames = ['two bare commits', 'activity-guard on pg', 'activity-guard on postgres'];

/** Writes all three. */
export function writeDocs(report: Report): void {
  const { tables, ...data } = report;
  writeData('performance-data.json', data);
  writeFileSync(join(folder, 'performance.svg'), chartOf(panelsOf(report)));
  const minutes = (report.seconds / 60).toFixed(0);
  const when = `Taken ${report.startedAt.slice(0, 10)} by \`npm run bench\` (${report.mode}, ${minutes} minutes).`;
  const chart = '![Bars of the tables below](performance.svg)';
  writeTables('performance.md', 'bench', [when, chart, ...tables.map(toMarkdown)]);
}

/** Puts them where a page has a place for what this command writes. */
export function writeTables(name: string, command: string, paragraphs: readonly string[]): void {
  const begin = `<!-- bench: written by npm run ${command} -- --docs -->`;
  const page = join(folder, name);
  const [before, rest] = readFileSync(page, 'utf8').split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page} has no place for the tables between "${begin}" and "${end}"`);
  writeFileSync(page, `${before}${begin}\n\n${paragraphs.join('\n\n')}\n\n${end}${after}`);
}

/** Puts what a run found beside its page. */
export const writeData = (name: string, data: unknown): void =>
  writeFileSync(join(folder, name), `${JSON.stringify(data, undefined, 2)}\n`);

/** Those whose workload ran. */
function panelsOf({ results }: Report): Panel[] {
  const { fresh, replay, peers } = results as { fresh?: Cell[]; replay?: Cell[]; peers?: unknown[] };
  return [
    ...(fresh ? cellPanels('New intents', fresh) : []),
    ...(replay ? cellPanels('Replays', replay, 'a bare read') : []),
    ...(peers ? [peerPanel(peers)] : []),
  ];
}

function cellPanels(title: string, cells: readonly Cell[], base = seriesNames[0] as string): Panel[] {
  return [...new Set(cells.map(({ bytes }) => bytes))].map((bytes) => ({
    title: `${title}, ${sizeText(bytes)}`,
    unit: 'per second, by concurrency: median, least to most',
    series: [base, ...seriesNames.slice(1)],
    groups: cells
      .filter((cell) => cell.bytes === bytes)
      .map(({ concurrency, contenders }) => ({
        name: `c = ${concurrency}`,
        values: contenderNames.map((name) => contenders[name].opsPerS),
      })),
  }));
}

function peerPanel(peers: readonly unknown[]): Panel {
  const measured = (peers as readonly Partial<MeasuredPeer>[]).filter((peer) => peer.loads) as MeasuredPeer[];
  const loads = measured[0]?.loads ?? [];
  return {
    title: 'Peers: one effect, once, 200 B',
    unit: 'per second: median, least to most',
    series: loads.map(({ concurrency }) => `c = ${concurrency}`),
    // The version would not fit.
    groups: measured.map((peer) => ({
      name: peer.name.replace(/ [\d.]+$/, ''),
      values: peer.loads.map(({ opsPerS }) => opsPerS),
    })),
  };
}
