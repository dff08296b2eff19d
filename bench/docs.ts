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
const begin = '<!-- bench: written by npm run bench -- --docs -->';
const end = '<!-- bench: end -->';
const seriesNames = ['two bare commits', 'activity-guard on pg', 'activity-guard on postgres'];

/** Writes all three. */
export function writeDocs(report: Report): void {
  const { tables, ...data } = report;
  writeFileSync(join(folder, 'performance-data.json'), `${JSON.stringify(data, undefined, 2)}\n`);
  writeFileSync(join(folder, 'performance.svg'), chartOf(panelsOf(report)));
  const page = join(folder, 'performance.md');
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${page} has no place for the tables between "${begin}" and "${end}"`);
  const minutes = (report.seconds / 60).toFixed(0);
  const when = `Taken ${report.startedAt.slice(0, 10)} by \`npm run bench\` (${report.mode}, ${minutes} minutes).`;
  const chart = '![Bars of the tables below](performance.svg)';
  const written = [when, chart, ...tables.map(toMarkdown)].join('\n\n');
  writeFileSync(page, `${before}${begin}\n\n${written}\n\n${end}${after}`);
}

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
