/** Tables for the terminal and for Markdown. */
import type { Spread } from './measure';

/** Rows of text under a title. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** How it was measured, where the title cannot say it. */
  readonly note?: string;
}

/** A number with three digits that count, or all of its whole ones. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  const decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** `median (min–max)` */
export const range = ({ min, median, max }: Spread): string =>
  `${figure(median)} (${figure(min)}–${figure(max)})`;

/** Bytes for people. */
export const sizeText = (bytes: number): string => (bytes < 1000 ? `${bytes} B` : `${bytes / 1000} kB`);

/** For a terminal: columns aligned, those of numbers to the right. */
export function toText({ title, columns, rows, note }: Table): string {
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const isNumeric = columns.map((_, i) => i > 0 && rows.every((row) => /^[\d–-]/.test(row[i] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [title, ...(note ? [note] : []), line(columns), rule, ...rows.map(line)].join('\n');
}

/** For Markdown. */
export function toMarkdown({ title, columns, rows, note }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = `|${columns.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`;
  return [`### ${title}`, '', ...(note ? [note, ''] : []), line(columns), rule, ...rows.map(line)].join('\n');
}
