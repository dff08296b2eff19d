/** The search: breadth first, so that the first trace that breaks an invariant is a shortest one. */
import { attemptMoves } from './attempt';
import { isSettled } from './database';
import { providerMoves } from './provider';
import type { Rule } from './rules';
import { allRulesBut } from './rules';
import { movesAround } from './surroundings';
import { copy, encode, idle, start, type Context, type Scenario, type World } from './state';

/** What must hold in every state and on every step. */
export const invariants = {
  effects: 'one effect at most',
  receipt: 'a settled receipt never changes',
  answer: 'no caller is told what did not happen',
  token: 'a stale token writes nothing',
  epoch: 'every new claim has a higher epoch',
  resolves: 'once faults stop, the intent ends settled and true',
} as const;

export type Invariant = keyof typeof invariants;

export interface Finding {
  readonly states: number;
  /** The invariant that broke, and how; `undefined` if the search saw every state and none did. */
  readonly broken?: Invariant;
  readonly trace: readonly string[];
}

interface Move {
  readonly label: string;
  readonly next: World;
  readonly isFault: boolean;
}

function movesOf(world: World, context: Context): Move[] {
  const moves: Move[] = [];
  const emit = (label: string, change: (next: World) => void, fault?: 'fault'): void => {
    const next = copy(world);
    change(next);
    moves.push({ label, next, isFault: fault !== undefined });
  };
  providerMoves(world, context, emit);
  world.attempts.forEach((attempt, worker) => {
    attemptMoves({ world, context, emit, worker, name: worker === 0 ? 'A' : 'B', attempt });
  });
  for (const moves of movesAround) moves(world, context, emit);
  return moves;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function brokenBy(before: World, after: World): readonly Invariant[] {
  const found: Invariant[] = [];
  // What a failover takes away is gone; what must hold is what comes after it.
  const isFailover = after.failedOver && !before.failedOver;
  if (sum(after.effects) > 1) found.push('effects');
  after.rows.forEach((row, id) => {
    const old = isFailover ? undefined : before.rows[id];
    if (old && isSettled(old) && row && row.state !== old.state && row.state !== 'pruned')
      found.push('receipt');
    const isNewClaim = old && row && row.token !== old.token;
    if (isNewClaim && row.epoch <= old.epoch) found.push('epoch');
  });
  after.effects.forEach((count, what) => {
    const isFalse = (after.toldYes[what] && count === 0) || (after.toldNo[what] && count > 0);
    if (isFalse) found.push('answer');
  });
  if (after.broken !== '') found.push('token');
  return found;
}

/** A path as small as it can be kept: the state it came from, and the step that was taken there. */
type Paths = { readonly from: number; readonly step: number }[];

function traceOf(paths: Paths, last: number, context: Context): string[] {
  const steps: number[] = [];
  for (let at = last; at > 0; at = paths[at]?.from ?? 0) steps.unshift(paths[at]?.step ?? 0);
  let world = start(context.scenario);
  return steps.map((step) => {
    const move = movesOf(world, context)[step];
    if (!move)
      throw new Error('The trace cannot be walked again: the moves are not a function of the state.');
    world = move.next;
    return move.label;
  });
}

/** A search this large is no longer a small model: give the scenario fewer attempts or ticks. */
const mostStates = 1_000_000;

/**
 * Searches every state of a scenario with some rules taken out.
 * @param watched only this invariant is looked at, for a trace that shows one harm and not a lesser one
 */
export function explore(scenario: Scenario, removed: readonly Rule[] = [], watched?: Invariant): Finding {
  const context: Context = { scenario, on: allRulesBut(...removed) };
  const isSymmetric = !scenario.second && scenario.policies[0] === scenario.policies[1];
  const first = start(scenario);
  const seen = new Set([encode(first, isSymmetric)]);
  const paths: Paths = [{ from: 0, step: 0 }];
  let frontier: { world: World; index: number }[] = [{ world: first, index: 0 }];
  // Healing forgets the attempts, so that many worlds heal alike.
  const healthy = new Set<string>();
  const stuckAfter = (world: World): string[] | undefined => {
    const best = healed(world);
    const key = encode(best, isSymmetric);
    if (healthy.has(key)) return undefined;
    healthy.add(key);
    return stuckAfterHealing(best, context);
  };
  const isWatched = (broken: Invariant): boolean => watched === undefined || watched === broken;
  const found = (broken: Invariant, index: number, more: readonly string[] = []): Finding => ({
    states: seen.size,
    broken,
    trace: [...traceOf(paths, index, context), ...more],
  });
  while (frontier.length > 0) {
    const nextFrontier: typeof frontier = [];
    for (const { world, index } of frontier) {
      const moves = movesOf(world, context);
      for (const [step, { next }] of moves.entries()) {
        const key = encode(next, isSymmetric);
        const broken = brokenBy(world, next).find(isWatched);
        if (broken === undefined && seen.has(key)) continue;
        seen.add(key);
        const at = paths.push({ from: index, step }) - 1;
        if (broken !== undefined) return found(broken, at);
        if (seen.size > mostStates) throw new Error(`${scenario.name} has more than ${mostStates} states.`);
        const stuck = scenario.live && isWatched('resolves') ? stuckAfter(next) : undefined;
        if (stuck) return found('resolves', at, stuck);
        nextFrontier.push({ world: next, index: at });
      }
    }
    frontier = nextFrontier;
  }
  return { states: seen.size, trace: [] };
}

/** More steps than any healed world needs; one that needs more is stuck. */
const mostSteps = 60;

/** A stuck world repeats itself: so much of it is shown. */
const mostShown = 16;

/** Stops all faults in a copy of the world: what runs dies, and one more attempt is made. */
function healed(world: World): World {
  const copied = copy(world);
  copied.attempts = copied.attempts.map(() => idle);
  copied.attemptsLeft = 1;
  copied.straysLeft = 0;
  return copied;
}

/** Lets a healed world go on: what is under way arrives, time passes. What happens is told unless it ends well. */
function stuckAfterHealing(start: World, context: Context): string[] | undefined {
  const { wireTicks, lagTicks } = context.scenario;
  let world = start;
  const trace = ['(from here on nothing fails)'];
  for (let step = 0; step < mostSteps; step++) {
    const row = world.rows[0];
    const effects = sum(world.effects);
    if ((row?.state === 'committed' || row?.state === 'pruned') && effects === 1) return undefined;
    if (row?.state === 'rejected' && effects === 0) return undefined;
    const isOpen = row?.state === 'claimed' || row?.state === 'unknown';
    const isEarly = world.wire.length > 0 || world.lag > 0 || (isOpen && row.lease > -wireTicks - lagTicks);
    const moves = movesOf(world, context).filter(({ isFault }) => !isFault);
    const isTick = ({ label }: Move): boolean => label === 'a tick passes';
    // An attempt that only polls must not keep time from passing.
    const isWaiting = world.attempts.some(({ at }) => at === 'asks') || world.attemptsLeft === 1;
    const move = (isEarly && isWaiting && moves.find(isTick)) || moves.find((m) => !isTick(m)) || moves[0];
    if (!move) break;
    trace.push(move.label);
    world = move.next;
  }
  return [...trace.slice(0, mostShown), '(and so on)'];
}
