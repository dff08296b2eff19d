/** What the steps of an attempt share: where it is, how it goes on, and its messages to the database. */
import { apply, type Reply } from './database';
import { idle, type At, type Attempt, type Context, type Op, type World } from './state';

/** Adds a move: what happens, how it changes the world, and whether it is a fault (healed worlds have none). */
export type Emit = (label: string, change: (next: World) => void, isFault?: 'fault') => void;

/** One worker's view of the world: where its attempt is, and how to go on. */
export interface Step {
  readonly world: World;
  readonly context: Context;
  readonly emit: Emit;
  readonly worker: number;
  readonly name: string;
  readonly attempt: Attempt;
}

export const set = (next: World, { worker }: Step, change: Partial<Attempt>): void => {
  next.attempts[worker] = { ...(next.attempts[worker] ?? idle), ...change };
};

/** The attempt is over; the caller may make another. */
export const end = (next: World, { worker }: Step): void => {
  next.attempts[worker] = idle;
};

/** What each place still has to know; attempts that differ in nothing that matters are one state. */
const remembers: Readonly<Partial<Record<At, readonly ('own' | 'epoch' | 'doubt')[]>>> = {
  'takes over': ['epoch'],
  probes: ['epoch'],
  resolves: ['epoch'],
  holds: ['own', 'epoch', 'doubt'],
  runs: ['own', 'epoch', 'doubt'],
  sent: ['own'],
};

export function goTo(next: World, step: Step, at: At, change: Partial<Attempt> = {}): void {
  const before = next.attempts[step.worker] ?? idle;
  const kept: { own?: number; epoch?: number; doubt?: boolean } = {};
  for (const name of remembers[at] ?? []) Object.assign(kept, { [name]: before[name] });
  // Only a renewal looks at the deadline of an attempt that has its answer.
  if (at === 'settles' && step.context.scenario.renews) kept.own = before.own;
  next.attempts[step.worker] = { ...idle, token: before.token, what: before.what, at, ...kept, ...change };
}

/** The time after the end of a lease in which a "no" proves nothing. */
export const graceOf = ({ on, scenario }: Context): number =>
  (on.graceCoversTheWire ? scenario.wireTicks : 0) + (on.graceCoversTheReadLag ? scenario.lagTicks : 0);

/** Sends a message: it can be answered, its answer can be lost, and a copy of it can arrive much later. */
export function exchange(step: Step, op: Op, done: (next: World, reply: Reply) => void): void {
  const { emit, name, world, context } = step;
  const epoch = 'epoch' in op ? ` epoch ${op.epoch}` : '';
  const says = `${name}: ${op.kind}${'as' in op ? ` ${op.as}` : ''}${epoch}`;
  emit(says, (next) => done(next, apply(next, op, context)));
  // Asked again with the same token; a message that is lost before it takes effect changes nothing at all.
  // A claim whose answer is lost for ever would have ever higher epochs: the search ends at some.
  if (op.kind !== 'take over' || op.epoch < context.scenario.attempts) {
    emit(`${says}, its answer is lost`, (next) => void apply(next, op, context), 'fault');
  }
  if (world.straysLeft === 0) return;
  const delay = (next: World): void => {
    next.straysLeft--;
    next.stray = op;
  };
  emit(`${says}, delayed and sent again`, delay, 'fault');
}
