/** The command line. */
import { parseValues, UsageError } from './command';
import type { Effort } from './workload';

export interface Options {
  readonly json: boolean;
  readonly quick: boolean;
  readonly docs: boolean;
  readonly help: boolean;
  /** Names of workloads; all unless given. */
  readonly only: readonly string[] | undefined;
  readonly out: string | undefined;
  readonly effort: Effort;
}

const full = { quick: false, rounds: 5, warmMs: 400, ms: 1500 };
const quick = { quick: true, rounds: 3, warmMs: 300, ms: 1000 };

export const usage = (names: readonly string[]): string => `Usage: npm run bench -- [options]

Measures the guard side by side with what it is compared to, and prints tables. Exits 0 unless something went
wrong, such as an effect that was counted twice; never because of a time.

  --json          print one JSON object on stdout (progress goes to stderr)
  --quick         fewer rounds and cells, and no peers (npm run bench:quick)
  --only A,B      only these workloads: ${names.join(', ')} (tenants only so)
  --rounds N      rounds in each cell (${full.rounds}, quick ${quick.rounds})
  --out FILE      also write the JSON to FILE
  --docs          also write docs/performance-data.json, docs/performance.svg and the tables in docs/performance.md
  --help          print this
`;

export function parseOptions(args: readonly string[], names: readonly string[]): Options {
  const { only, out, rounds, ...flags } = parse(args);
  const chosen = only?.flatMap((list) => list.split(',')).filter((name) => name !== '');
  const unknown = chosen?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no workload ${unknown}`);
  const effort = flags.quick ? quick : full;
  const count = rounds === undefined ? effort.rounds : Number(rounds);
  if (!Number.isInteger(count) || count < 1) throw new UsageError('--rounds is a number from 1');
  return { ...flags, only: chosen, out, effort: { ...effort, rounds: count } };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  return parseValues(args, {
    ...{ json: flag, quick: flag, docs: flag, help: { ...flag, short: 'h' } },
    ...{ only: { type: 'string', multiple: true }, out: { type: 'string' }, rounds: { type: 'string' } },
  });
}
