/** The command line. */
import { parseValues, UsageError } from '../../bench/command';

export interface Options {
  readonly json: boolean;
  readonly short: boolean;
  readonly docs: boolean;
  readonly help: boolean;
  /** Names; all unless given. */
  readonly systems: readonly string[] | undefined;
  readonly cells: readonly string[] | undefined;
  readonly trials: number;
  readonly seed: number;
}

export interface Names {
  readonly systems: readonly string[];
  readonly cells: readonly string[];
}

export const usage = ({ systems, cells }: Names): string => `Usage: npm run proof -- [options]

Kills processes at every point of a call that must happen once, with this guard and with others, and counts what
really happened. Exits 1 when one of our cells has a duplicate outside of 'retry', a lost or a stuck intent, or says
nothing because too few faults landed; never because of the others.

  --short         ours only, 5 trials in each cell: about three minutes
  --systems A,B   only these: ${systems.join(', ')}
  --cells A,B     only these: ${cells.join(', ')}
  --trials N      in each cell (30, with --short 5)
  --seed N        of what is random (1)
  --json          print one JSON object on stdout (progress goes to stderr)
  --docs          also write docs/proof-data.json, docs/proof.svg and the tables in docs/proof.md
  --help          print this
`;

export function parseOptions(args: readonly string[], names: Names): Options {
  const { systems, cells, trials, seed, ...flags } = parse(args);
  return {
    ...flags,
    systems: chosen('system', systems, names.systems),
    cells: chosen('cell', cells, names.cells),
    trials: whole('trials', trials ?? (flags.short ? '5' : '30'), 1),
    seed: whole('seed', seed ?? '1', 0),
  };
}

function chosen(
  what: string,
  lists: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] | undefined {
  const names = lists?.flatMap((list) => list.split(',')).filter((name) => name !== '');
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no ${what} ${unknown}`);
  return names;
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new UsageError(`--${name} is a whole number from ${least}`);
  return value;
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  const list = { type: 'string', multiple: true } as const;
  return parseValues(args, {
    ...{ json: flag, short: flag, docs: flag, help: { ...flag, short: 'h' } },
    ...{ systems: list, cells: list, trials: { type: 'string' }, seed: { type: 'string' } },
  });
}
