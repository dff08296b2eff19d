/** Random workflows: what they consist of, how they are generated, and how many intents they have. */
import fc from 'fast-check';

import type { Fault } from './ledger';

const items = ['a', 'b'] as const;
export type Item = (typeof items)[number];

/** How a call reaches its activity: retried by Temporal, not retried, local, or local and retried after a timer. */
const ways = ['remote', 'single', 'local', 'backingOff'] as const;
type Way = (typeof ways)[number];

/** A call that is made until it has a final answer: a charge, or that the provider declines. */
export interface CallStep {
  readonly do: 'call';
  readonly item: Item;
  readonly by: Way;
  /** What it meets the first time: a timer that wins the race against it, or that cancels it. */
  readonly gives: 'time' | 'up' | undefined;
}

/** One step of a workflow. Where steps are equal, so are the arguments of what they call and start. */
export type Step =
  | CallStep
  | { readonly do: 'pause' }
  /** Fails the workflow task once: what it did is forgotten. */
  | { readonly do: 'stumble' }
  /** Fails the run, the first time, if Temporal or a parent starts it again. */
  | { readonly do: 'fail' }
  | { readonly do: 'sideBySide'; readonly branches: readonly (readonly Step[])[] }
  | { readonly do: 'child'; readonly isRetried: boolean; readonly steps: readonly Step[] };

/** What the workflow is given. */
export interface Plan {
  /** One after the other, with a continue-as-new between them. */
  readonly runs: readonly (readonly Step[])[];
  /** What signals make the first run do beside its own steps; each comes once. */
  readonly told: readonly (readonly Step[])[];
}

/** A reset: of one of the runs that followed from one another until then, to one of its workflow tasks. */
export interface Reset {
  readonly run: number;
  readonly task: number;
  /** None: when the workflow has ended. */
  readonly afterMs: number | undefined;
}

/** A workflow and what befalls it. */
export interface Program extends Plan {
  readonly faults: Readonly<Record<Item, readonly Fault[]>>;
  readonly resets: readonly Reset[];
  /** Whether its workers are replaced while it runs. */
  readonly isHandedOn: boolean;
}

const mostSteps = 4;
const most = { maxLength: mostSteps, depthIdentifier: 'steps' } as const;

/** Steps with other kinds of steps among them, and calls that are made in some ways. */
const stepsOf = (
  by: readonly Way[],
  others: (steps: fc.Arbitrary<Step[]>) => fc.Arbitrary<Step>[],
): fc.Arbitrary<Step[]> =>
  fc.letrec<{ steps: Step[]; step: Step }>((tie) => {
    const call = fc.record({
      do: fc.constant('call' as const),
      item: fc.constantFrom(...items),
      by: fc.constantFrom(...by),
      gives: fc.constantFrom(undefined, undefined, 'time' as const, 'up' as const),
    });
    const child = fc.record({
      do: fc.constant('child' as const),
      isRetried: fc.boolean(),
      steps: tie('steps'),
    });
    const step = fc.oneof(
      { depthIdentifier: 'steps', maxDepth: 2, withCrossShrink: true },
      { weight: 6, arbitrary: call },
      { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('pause', 'fail') }) },
      ...[child, ...others(tie('steps'))].map((arbitrary) => ({ weight: 2, arbitrary })),
    );
    return { steps: fc.array(tie('step'), most), step };
  }).steps;

/**
 * Local activities beside other calls can come out of order in a replay, with the guard and without (SDK 1.24.0, and
 * sdk-python#1578): the workflow stops with a nondeterminism error. So local ones are generated one at a time only.
 */
const inTurn = stepsOf(ways, () => [fc.record({ do: fc.constant('stumble') })]);
const beside = stepsOf(['remote', 'single'], (steps) => [
  fc.record({
    do: fc.constant('sideBySide'),
    branches: fc.array(steps, { minLength: 1, maxLength: 3, depthIdentifier: 'steps' }),
  }),
]);

const fault = fc.constantFrom<Fault>('lose', 'lose', 'hold', 'decline', 'refuse');
const faults = fc.array(fault, { maxLength: 4 });
const reset = fc.record({
  run: fc.nat(9),
  task: fc.nat(99),
  afterMs: fc.option(fc.nat(1500), { nil: undefined }),
});

const programOf = (
  steps: fc.Arbitrary<Step[]>,
  mostTold: number,
  isHandedOn: boolean,
): fc.Arbitrary<Program> =>
  fc.record({
    runs: fc.array(steps, { minLength: 1, maxLength: 3 }),
    told: fc.array(steps, { maxLength: mostTold }),
    isHandedOn: fc.constant(isHandedOn),
    faults: fc.record({ a: faults, b: faults }),
    resets: fc.array(reset, { maxLength: 3 }),
  });

/**
 * Without updates: beside other calls they can come out of order in a replay, too, with the guard and without.
 * Workers of local activities are not replaced: the SDK's core panics (1.24.0), although nothing comes of it.
 */
export const programs: fc.Arbitrary<Program> = fc.oneof(
  programOf(inTurn, 0, false),
  programOf(beside, 0, true),
  programOf(beside, 3, true),
);

/** The calls in steps, those of children and of all branches included: however often a call is made, it is one. */
const callsIn = (all: readonly Step[]): CallStep[] =>
  all.flatMap((step) => {
    if (step.do === 'call') return [step];
    if (step.do === 'sideBySide') return step.branches.flatMap(callsIn);
    return step.do === 'child' ? callsIn(step.steps) : [];
  });

/** The reference: every call that the program makes is one effect, unless the provider has declined it. */
export function intentsOf(
  { runs, told }: Plan,
  declined: Readonly<Record<Item, number>>,
): Record<Item, number> {
  const calls = callsIn([...runs, ...told].flat());
  const of = (item: Item): number => calls.filter((call) => call.item === item).length - declined[item];
  return { a: of('a'), b: of('b') };
}

export const countCalls = ({ runs, told }: Plan): number => callsIn([...runs, ...told].flat()).length;
