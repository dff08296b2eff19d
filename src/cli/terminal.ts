/** What goes to the terminal, or to whatever stdout is: nothing that comes from outside can steer it. */
import { once } from 'node:events';

import pc from 'picocolors';

import { printable } from '../operator';

const enabledColors = pc.createColors(true);

/** A colour. */
export type Color = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** A part of a line, perhaps in a colour. Tabs stay where it is a line of a file. */
export type Part = string | { readonly text: string; readonly color?: Color; readonly tabs?: true };

/** Prints one line; resolves when more may come. */
export type Print = (...parts: readonly Part[]) => Promise<void>;

/** The part of a stream that is used. */
export type Stream = Pick<NodeJS.WriteStream, 'write' | 'once'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Colours: never where NO_COLOR is set, always where FORCE_COLOR is, else on a terminal. */
export function hasColors({ isTTY = false }: Pick<Stream, 'isTTY'>, env = process.env): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0';
  return isTTY && env['TERM'] !== 'dumb';
}

/** Prints lines to a stream. */
export function printTo(stream: Stream, env = process.env): Print {
  const paints = hasColors(stream, env);
  const textOf = (part: Part): string => {
    if (typeof part === 'string') return printable(part);
    const { text, color, tabs } = part;
    const safe = tabs ? text.split('\t').map(printable).join('\t') : printable(text);
    return paints && color !== undefined ? enabledColors[color](safe) : safe;
  };
  return async (...parts) => {
    if (!stream.write(`${parts.map(textOf).join('')}\n`)) await once(stream as NodeJS.WriteStream, 'drain');
  };
}

/** Of a bar, which is drawn again. */
const clearedLine = '\r\u001b[K';

/** Tells what went wrong, on stderr. */
export const complain = (text: string): void =>
  void process.stderr.write(`${process.stderr.isTTY ? clearedLine : ''}activity-guard: ${printable(text)}\n`);

const ellipsis = '…';

/** A text of at most `width` characters: both its ends, which tell ids apart better than the middle does. */
export function shortened(text: string, width: number): string {
  const characters = [...printable(text)];
  if (characters.length <= width) return characters.join('');
  const kept = Math.max(width - ellipsis.length, 2);
  const head = Math.ceil(kept / 2);
  return [...characters.slice(0, head), ellipsis, ...characters.slice(head - kept)].join('');
}

const lengthOf = (part: Part): number => [...printable(typeof part === 'string' ? part : part.text)].length;

const spaces = (count: number): string => ' '.repeat(Math.max(count, 0));

const narrowest = 40;
const leastLast = 16;

/** How wide the terminal is; `undefined` where stdout is none. */
export const widthOf = ({ isTTY = false, columns }: Pick<Stream, 'isTTY' | 'columns'>): number | undefined =>
  isTTY ? Math.max(columns || 80, narrowest) : undefined;

const shortenedPart = (part: Part, width: number): Part =>
  typeof part === 'string' ? shortened(part, width) : { ...part, text: shortened(part.text, width) };

/** Rows below each other. Where `width` is given, the last cell of each gets what is left of it, but not too little. */
export function aligned(rows: readonly (readonly Part[])[], width = Infinity): readonly (readonly Part[])[] {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, lengthOf(cell))),
    [],
  );
  const before = widths.slice(0, -1).reduce((sum, each) => sum + each + 2, 0);
  return rows.map((row) =>
    row.flatMap((cell, i) =>
      i === row.length - 1
        ? [shortenedPart(cell, Math.max(width - before, leastLast))]
        : [cell, spaces((widths[i] ?? 0) - lengthOf(cell) + 2)],
    ),
  );
}

const stateColors: Readonly<Record<string, Color>> = {
  unknown: 'yellow',
  contested: 'red',
  committed: 'green',
  rejected: 'cyan',
  pruned: 'dim',
  superseded: 'dim',
};

/** A state in its colour. */
export function stateIn(state: string, width = 0): Part {
  const color = stateColors[state];
  const text = state.padEnd(width);
  return color === undefined ? text : { text, color };
}
