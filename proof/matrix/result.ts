/** What the trials of a cell came to, and whether that says anything. */
import type { Cell } from './cells';
import { ruleOfThree, wilson } from './statistics';
import type { System } from './systems';

/** How a trial ended for the callers. */
export type End =
  /** Each has the result of the effect. */
  | 'resolved'
  /** Neither a result nor a failure, nor an unknown outcome that anybody could see and decide, within the bound. */
  | 'stuck'
  /** Told that it failed. */
  | 'failed'
  /** Told something else: no result, or another one. */
  | 'wrong'
  /** The run itself broke: nothing is known. */
  | 'broken';

export interface TrialResult {
  readonly intent: string;
  readonly effects: number;
  readonly landed: boolean;
  /** With the start of its process. */
  readonly tookMs: number;
  readonly end: End;
  readonly reason?: string;
  /** A person had to look and decide. */
  readonly decided: boolean;
}

export interface CellResult {
  readonly system: string;
  readonly cell: string;
  /** Why there is no such cell; then there is nothing else. */
  readonly notApplicable?: string;
  readonly n: number;
  /** Trials in which the fault met the call where it was meant to. */
  readonly landed: number;
  /** How many intents had so many effects. */
  readonly effects: Readonly<Record<string, number>>;
  readonly ends: Readonly<Partial<Record<End, number>>>;
  readonly duplicated: number;
  /** No effect, and it is over. */
  readonly lost: number;
  readonly stuck: number;
  /** It happened, and the caller was told otherwise. */
  readonly misled: number;
  readonly resolved: number;
  readonly decidedByPersons: number;
  /** From the start of its process to the last answer: the slowest. */
  readonly slowestMs: number;
  /** Of the rate of duplicates, 95 %. */
  readonly duplicatedWithin: readonly [number, number];
  /** Of the rate of intents without exactly one effect whose result every caller has, 95 %. */
  readonly failedWithin: readonly [number, number];
  /** What no failure in these trials leaves possible. */
  readonly boundOfZero: number;
  /** Too few faults landed, or too few calls ended, for the cell to say anything. */
  readonly isVacuous: boolean;
  /** Some reasons of what did not go well. */
  readonly reasons: readonly string[];
}

/** Less than this share of faults at their point says nothing. */
export const leastLanded = 0.8;

const count = <T>(items: readonly T[], is: (item: T) => boolean): number => items.filter(is).length;

export function resultOf(system: System, cell: Cell, results: readonly TrialResult[]): CellResult {
  const notApplicable = system.notApplicable[cell.name];
  const landed = results.filter((result) => result.landed);
  const n = landed.length;
  const by = <K extends string | number>(key: (result: TrialResult) => K): Record<K, number> => {
    const counts = {} as Record<K, number>;
    for (const result of landed) counts[key(result)] = (counts[key(result)] ?? 0) + 1;
    return counts;
  };
  // A duplicate counts wherever it happened.
  const duplicated = count(results, ({ effects }) => effects > 1);
  const good = count(landed, ({ effects, end }) => effects === 1 && end === 'resolved');
  const reasons = results.flatMap(({ end, reason }) =>
    reason === undefined ? [] : [`${end}: ${reason.slice(0, 160)}`],
  );
  return {
    ...{ system: system.name, cell: cell.name, ...(notApplicable !== undefined && { notApplicable }) },
    ...{ n: results.length, landed: n, effects: by(({ effects }) => effects), ends: by(({ end }) => end) },
    duplicated,
    lost: count(results, ({ effects, end }) => effects === 0 && end !== 'stuck' && end !== 'broken'),
    stuck: count(results, ({ end }) => end === 'stuck'),
    misled: count(results, ({ effects, end }) => effects > 0 && (end === 'failed' || end === 'wrong')),
    resolved: count(landed, ({ end }) => end === 'resolved'),
    decidedByPersons: count(landed, ({ decided }) => decided),
    slowestMs: Math.max(0, ...results.map(({ tookMs }) => tookMs)),
    duplicatedWithin: wilson(duplicated, results.length),
    failedWithin: wilson(n - good, n),
    boundOfZero: ruleOfThree(n),
    isVacuous: notApplicable === undefined && (n < leastLanded * results.length || n === 0),
    reasons: [...new Set(reasons)].slice(0, 3),
  };
}

/** What is wrong with a cell of ours, if anything. */
export function faultOf(system: System, result: CellResult): string | undefined {
  if (!system.isOurs || result.notApplicable !== undefined) return undefined;
  const where = `${system.name}, ${result.cell}`;
  const more = result.reasons.length > 0 ? ` (${result.reasons.join('; ')})` : '';
  if (result.duplicated > 0 && !system.mayRepeat) return `${where}: ${result.duplicated} duplicated`;
  if (result.lost > 0) return `${where}: ${result.lost} lost${more}`;
  if (result.stuck > 0) return `${where}: ${result.stuck} stuck${more}`;
  if (result.misled > 0) return `${where}: ${result.misled} told otherwise${more}`;
  if (result.isVacuous) return `${where}: only ${result.landed} of ${result.n} faults landed${more}`;
  return undefined;
}
