/** The steps of one guarded call, as in `src/core/engine.ts` and `unknown.ts`. */
import { apply } from './database';
import { earlyMark, renewal, run, thrown, writeOutcome } from './holder';
import { readsYes } from './provider';
import { decideRow, policyOver } from './rules';
import { newToken, rowOf, type At, type Row, type World } from './state';
import { end, exchange, goTo, graceOf, type Step } from './step';

/** Every move that the attempt of one worker can make. */
export function attemptMoves(step: Step): void {
  const { attempt, emit, name } = step;
  if (attempt.at === 'idle') return begin(step);
  places[attempt.at](step);
  emit(`${name} dies`, (next) => end(next, step), 'fault');
}

function begin(step: Step): void {
  const { world, context, emit, name, worker } = step;
  const { scenario, on } = context;
  const what = scenario.second && worker === 1 ? 1 : 0;
  if (world.attemptsLeft === 0) return;
  if (scenario.second === 'generation' && what === 1 && on.generationOnlyOverRejected) {
    // What the first generation answers here is final, so it does not matter how long ago it was.
    const [first] = world.rows;
    const asks = { token: 0, fingerprint: 0, wantsNext: true };
    if (!first || decideRow(first, asks, on) !== 'next-generation') return;
  }
  emit(`${name} starts an attempt${what ? ` at the ${scenario.second}` : ''}`, (next) => {
    next.attemptsLeft--;
    const change = { token: newToken(world), what, own: 0 };
    if (on.claimBeforeEffect) goTo(next, step, 'asks', change);
    else goTo(next, step, 'runs', { ...change, own: scenario.leaseTicks });
  });
}

const places: Readonly<Record<Exclude<At, 'idle'>, (step: Step) => void>> = {
  asks(step) {
    const { attempt, worker, emit, name, context } = step;
    const { token, what } = attempt;
    const op = { kind: 'claim', token, what, by: worker } as const;
    exchange(step, op, (next, { row }) => row && answered(next, step, row));
    // A claim whose answer was lost may be there: it is given back, and nobody waits for that.
    const giveUp = (next: World): void => {
      if (next.straysLeft > 0) next.stray = { kind: 'release', token, what };
      end(next, step);
    };
    emit(`${name} gives up asking`, giveUp, 'fault');
    if (!context.on.failClosedWithoutStore) {
      const own = context.scenario.leaseTicks;
      emit(`${name} goes on without the store`, (next) => goTo(next, step, 'runs', { own }), 'fault');
    }
  },

  'takes over'(step) {
    const { token, what, epoch, word } = step.attempt;
    const fromUnknown = word === 'yes';
    const op = { kind: 'take over', token, what, epoch, by: step.worker, fromUnknown } as const;
    exchange(step, op, (next, { row, isDone }) => {
      // Whoever lost the race, or whose first answer was lost, looks at the row again.
      if (isDone && row) answered(next, step, row);
      else goTo(next, step, 'asks');
    });
  },

  holds(step) {
    const { emit, name, attempt, context } = step;
    const { on } = context;
    if (attempt.own <= 0 && on.holderStopsBeforeItsLease && on.ownDeadlineFromBeforeAsking) {
      emit(`${name} may not start any more`, (next) => goTo(next, step, 'releases'));
    } else {
      const first = on.delegatedBeforeHandingOver ? 'delegates' : 'hands over';
      const at = context.scenario.delegated ? first : 'runs';
      // Without the rule the deadline counts from the answer, which may be as late as this.
      const late = on.ownDeadlineFromBeforeAsking ? {} : { own: context.scenario.leaseTicks };
      emit(`${name} starts its function`, (next) => goTo(next, step, at, late));
    }
    renewal(step);
  },

  runs: run,

  sent(step) {
    const { emit, name, attempt } = step;
    if (attempt.word === 'yes')
      emit(`${name} gets the response`, (next) => goTo(next, step, 'settles', { word: 'yes' }));
    if (attempt.word === 'no') emit(`${name} is told "no"`, (next) => thrown(next, step, 'RejectedError'));
    emit(`${name} loses the response and throws`, (next) => thrown(next, step, 'anything'), 'fault');
    renewal(step);
    earlyMark(step);
  },

  settles: writeOutcome,

  releases(step) {
    const { token, what } = step.attempt;
    exchange(step, { kind: 'release', token, what }, (next) => end(next, step));
  },

  marks(step) {
    const { token, what } = step.attempt;
    exchange(step, { kind: 'mark', token, what }, (next) => end(next, step));
  },

  delegates(step) {
    const { token, what } = step.attempt;
    exchange(step, { kind: 'delegate', token, what }, (next, { isDone, row }) => {
      const isMine = isDone || (row?.state === 'delegated' && row.token === token);
      if (step.context.on.delegatedBeforeHandingOver && isMine) goTo(next, step, 'hands over');
      else end(next, step);
    });
  },

  'hands over'(step) {
    const { token, what } = step.attempt;
    step.emit(`${step.name} hands the job over`, (next) => {
      next.job = { token, what, at: 'has it' };
      if (step.context.on.delegatedBeforeHandingOver) end(next, step);
      else goTo(next, step, 'delegates');
    });
  },

  probes,

  resolves(step) {
    const { context, world, emit, name, attempt } = step;
    const { what, epoch, word } = attempt;
    const as = word === 'yes' ? 'committed' : 'released';
    const lease = world.rows[rowOf(context.scenario, what)]?.lease ?? 0;
    if (word === 'no' && !context.on.graceCountsFromTheQuestion && lease > -graceOf(context)) {
      return emit(`${name} finds the answer too early`, (next) => goTo(next, step, 'asks'));
    }
    exchange(step, { kind: 'resolve', what, epoch, as }, (next) => goTo(next, step, 'asks'));
  },
};

/** What comes of the row that was answered. From here on the row may change while the attempt is paused. */
function answered(next: World, step: Step, row: Row): void {
  const { attempt, context } = step;
  const { token, what, own } = attempt;
  const { scenario, on } = context;
  const { epoch, doubt, lease } = row;
  const says = decideRow(row, { token, fingerprint: scenario.second === 'reuse' ? what : 0 }, on);
  switch (says) {
    case 'claimed':
      // `own` is minus the time since it began to ask: the deadline is never later than the database's.
      return goTo(next, step, 'holds', { own: Math.max(0, lease + own), epoch, doubt });
    case 'own-claim-lapsed':
      return giveBackAndAskAgain(next, step);
    case 'replay':
      (row.state === 'committed' ? next.toldYes : next.toldNo)[what] = true;
      return end(next, step);
    case 'in-flight':
      return goTo(next, step, 'asks');
    case 'released':
      return goTo(next, step, 'takes over', { epoch });
    case 'unknown':
      return unknown(next, step, row);
    case 'reused':
    case 'pruned':
    case 'next-generation':
      return end(next, step);
    default:
      return says satisfies never;
  }
}

function unknown(next: World, step: Step, row: Row): void {
  const { context, worker } = step;
  const { scenario, on } = context;
  const { epoch } = row;
  const policy = policyOver(row, scenario.policies[worker] ?? 'hold', on);
  if (policy === 'probe') {
    // As in the code, the time is taken before the question is put.
    const grace = scenario.fencing || !on.probeNoNeedsGrace ? 0 : graceOf(context);
    return goTo(next, step, 'probes', { epoch, word: row.lease <= -grace ? 'yes' : 'no' });
  }
  const isForgotten = row.age >= (scenario.keyTicks ?? Infinity) && on.keyTtlCheckedAtTakeOver;
  if (policy !== 'retry' || isForgotten) return end(next, step);
  goTo(next, step, 'takes over', { epoch, word: 'yes' });
}

/** The release is asked with the old token and may arrive late; only then comes a claim with a token of its own. */
function giveBackAndAskAgain(next: World, step: Step): void {
  const { attempt, context, world } = step;
  const op = { kind: 'release', token: attempt.token, what: attempt.what } as const;
  apply(next, op, context);
  if (next.straysLeft > 0) {
    next.straysLeft--;
    next.stray = op;
  }
  const token = context.on.freshTokenPerClaim ? newToken(world) : attempt.token;
  // Bounded: each new claim costs an attempt.
  if (next.attemptsLeft === 0) return end(next, step);
  next.attemptsLeft--;
  goTo(next, step, 'asks', { token });
}

function probes(step: Step): void {
  const { attempt, context, emit, name, world } = step;
  const { on, scenario } = context;
  const isConclusive = attempt.word === 'yes';
  for (const finds of readsYes(world, attempt.what)) {
    emit(`${name} asks the provider, who says ${finds ? 'yes' : 'no'}`, (next) => {
      if (scenario.fencing && on.probeRaisesTheFence) next.fence = attempt.epoch + 1;
      // Without the rule the grace is looked at when the answer is used, as late as that may be.
      const counts = finds || isConclusive || !on.graceCountsFromTheQuestion;
      if (counts) goTo(next, step, 'resolves', { word: finds ? 'yes' : 'no' });
      else goTo(next, step, 'asks');
    });
  }
}
