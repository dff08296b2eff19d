import { callsAfterDecline, effectKey, requiredCalls, TOOL_NAMES } from '../../activities/order';
import type { Order, ToolName } from '../../activities/order';
import type { AgentOutcome } from '../../workflows';
import type { Effect } from './effects';
import type { GuardCounts } from './guard-watch';

/** All that one run left behind. */
export interface RunRecord {
  orders: readonly Order[];
  /** By order id; what is not there did not complete. */
  outcomes: ReadonlyMap<string, AgentOutcome>;
  /** As the providers tell it. */
  effects: readonly Effect[];
  /** By activity. */
  attempts: ReadonlyMap<string, number>;
  guard: GuardCounts;
  /** Receipts that are unknown, or claimed by nobody alive, at the end. */
  unresolved: number;
  kills: number;
  workersKilled: number;
  /** Kill points that never came. */
  missed: readonly string[];
}

export interface ToolTally {
  tool: ToolName;
  expected: number;
  attempts: number;
  effects: number;
  duplicates: number;
  missing: number;
}

export interface RunTally {
  byTool: readonly ToolTally[];
  total: Omit<ToolTally, 'tool'>;
  /** Orders that never got to their end. */
  lostOrders: readonly string[];
  /** Names of effects that happened more than once, and how often. */
  repeated: ReadonlyMap<string, number>;
}

/** Sets what the providers have against what was intended. */
export function tally(run: RunRecord, scripted: boolean): RunTally {
  const intended = new Set(scripted ? demandedEffects(run) : [...demandedEffects(run), ...askedEffects(run)]);
  const happened = countKeys(run.effects);
  const byTool = TOOL_NAMES.map((tool) => tallyTool(tool, run, intended, happened));
  const lostOrders = run.orders.map(({ id }) => id).filter((id) => !run.outcomes.has(id));
  const sum = (field: keyof RunTally['total']): number =>
    byTool.reduce((total, row) => total + row[field], 0);
  const missing = sum('missing');
  return {
    byTool,
    lostOrders,
    repeated: new Map([...happened].filter(([, times]) => times > 1)),
    total: {
      expected: sum('expected'),
      attempts: sum('attempts'),
      effects: sum('effects'),
      duplicates: sum('duplicates'),
      // An order that did all it should and still never ended is lost, too.
      missing: Math.max(missing, lostOrders.length),
    },
  };
}

function tallyTool(
  tool: ToolName,
  run: RunRecord,
  intended: ReadonlySet<string>,
  happened: ReadonlyMap<string, number>,
): ToolTally {
  const mine = (key: string): boolean => key.startsWith(`${tool}:`);
  const wanted = [...intended].filter(mine);
  const seen = [...happened].filter(([key]) => mine(key));
  const effects = seen.reduce((total, [, times]) => total + times, 0);
  const once = seen.filter(([key]) => intended.has(key)).length;
  return {
    tool,
    expected: wanted.length,
    attempts: run.attempts.get(tool) ?? 0,
    effects,
    // Everything beyond the first of what was wanted, and all of what nobody wanted.
    duplicates: effects - once,
    missing: wanted.length - once,
  };
}

/** What the orders themselves demand, by the shop's policy. */
function demandedEffects({ orders }: RunRecord): string[] {
  return orders.flatMap((order) => {
    // The payments provider declines these cards, in both runs and every time.
    const declined = order.card.token.startsWith('tok_declined');
    const calls = declined ? callsAfterDecline() : requiredCalls(order);
    return calls.map((call) => effectKey(order.id, call));
  });
}

/** A real model can do more, say open one more ticket: what its workflow asked for was intended too. */
function askedEffects({ outcomes }: RunRecord): string[] {
  return [...outcomes.values()].flatMap(({ effects }) => effects);
}

function countKeys(effects: readonly Effect[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { key } of effects) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
