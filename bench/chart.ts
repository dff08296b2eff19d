/** Charts as SVG text: bars with whiskers from the least to the most, readable on light and dark grounds. */
import type { Spread } from './measure';
import { figure } from './table';

/** Bars of several contenders beside each other, group by group. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly string[];
  readonly groups: readonly { readonly name: string; readonly values: readonly (Spread | undefined)[] }[];
}

const width = 880;
const panelHeight = 270;
const margin = { left: 70, right: 16, top: 58, bottom: 44 };
const plot = {
  width: width - margin.left - margin.right,
  height: panelHeight - margin.top - margin.bottom,
};
/** Told apart also by those who see few colours, on white and on black. */
const colours = ['#7f8c9b', '#0f8b8d', '#e07a1f', '#8e5bb5', '#3b7dd8', '#c0504d', '#6b8e23', '#b58900'];

const style = `<style>
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 14px; font-weight: 600; }
  .faint { fill: #656d76; }
  .grid { stroke: #d0d7de; }
  .whisker { stroke: #24292f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .faint { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .whisker { stroke: #e6edf3; }
  }
</style>`;

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const round = (x: number): string => x.toFixed(1);

/** The least of 1, 2, 2.5 and 5 times a power of ten that is not below `value`. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return ([1, 2, 2.5, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** All panels, one under the other. */
export function chartOf(panels: readonly Panel[]): string {
  const height = panels.length * panelHeight;
  const parts = panels.map((panel, i) => `<g transform="translate(0 ${i * panelHeight})">${draw(panel)}</g>`);
  const label = escape(panels.map(({ title }) => title).join('; '));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
${style}
${parts.join('\n')}
</svg>
`;
}

function draw(panel: Panel): string {
  const most = Math.max(...panel.groups.flatMap(({ values }) => values.map((value) => value?.max ?? 0)));
  const top = niceCeiling(most);
  return [
    `<text class="title" x="${margin.left}" y="20">${escape(panel.title)}</text>`,
    ...legend(panel),
    ...grid(panel, top),
    ...panel.groups.flatMap((group, i) => bars(panel, group, i, top)),
  ].join('\n');
}

function legend({ series }: Panel): string[] {
  if (series.length < 2) return [];
  let x = margin.left;
  return series.map((name, i) => {
    const entry = `<rect x="${x}" y="31" width="11" height="11" fill="${colours[i]}"/><text x="${x + 16}" y="41">${escape(name)}</text>`;
    x += 36 + name.length * 7;
    return entry;
  });
}

function grid({ unit }: Panel, top: number): string[] {
  const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const y = round(margin.top + plot.height * (1 - part));
    return (
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}"/>` +
      `<text class="faint" text-anchor="end" x="${margin.left - 8}" y="${Number(y) + 4}">${(top * part).toLocaleString('en-US')}</text>`
    );
  });
  return [
    ...lines,
    `<text class="faint" text-anchor="end" x="${width - margin.right}" y="20">${escape(unit)}</text>`,
  ];
}

function bars(panel: Panel, { name, values }: Panel['groups'][number], index: number, top: number): string[] {
  const slot = plot.width / panel.groups.length;
  const barWidth = Math.min(46, (slot * 0.8) / values.length);
  const left = margin.left + slot * index + (slot - barWidth * values.length) / 2;
  const y = (value: number): number => margin.top + plot.height * (1 - value / top);
  const drawn = values.flatMap((value, i) => {
    if (!value) return [];
    const colour = colours[panel.series.length > 1 ? i : index % colours.length];
    const x = left + barWidth * i;
    const middle = round(x + barWidth / 2);
    return [
      `<rect x="${round(x + 1)}" y="${round(y(value.median))}" width="${round(barWidth - 2)}" height="${round(plot.height + margin.top - y(value.median))}" fill="${colour}"/>`,
      `<line class="whisker" x1="${middle}" x2="${middle}" y1="${round(y(value.max))}" y2="${round(y(value.min))}"/>`,
      `<text text-anchor="middle" x="${middle}" y="${round(y(value.max) - 5)}" style="font-size:10px">${figure(value.median)}</text>`,
    ];
  });
  // Many names would run into each other.
  const labelY = panelHeight - margin.bottom + (panel.groups.length > 6 && index % 2 === 1 ? 32 : 18);
  const label = `<text text-anchor="middle" x="${round(margin.left + slot * (index + 0.5))}" y="${labelY}" style="font-size:11px">${escape(name)}</text>`;
  return [...drawn, label];
}
