/** What the holder of a claim does, as in `src/core/effect.ts`, `leases.ts` and `settle.ts`. */
import { apply } from './database';
import { put } from './provider';
import { meaningOf, type Thrown } from './rules';
import { rowOf, type World } from './state';
import { end, exchange, goTo, set, type Step } from './step';

/** The lease is renewed while the function runs, in a message of its own. */
export function renewal(step: Step): void {
  const { context, emit, name, attempt } = step;
  const { token, what } = attempt;
  const { scenario, on } = context;
  if (!scenario.renews) return;
  if (step.world.straysLeft > 0) {
    const delay = (next: World): void => {
      next.straysLeft--;
      next.stray = { kind: 'renew', token, what };
    };
    emit(`${name} renews its lease, delayed`, delay, 'fault');
  }
  // One that died of its lease does not ask any more; a message on its way is the stray one.
  if (attempt.own >= scenario.leaseTicks || (attempt.own <= 0 && on.expiredLeaseIsNotRevived)) return;
  emit(`${name} renews its lease`, (next) => {
    const { isDone } = apply(next, { kind: 'renew', token, what }, context);
    set(next, step, { own: isDone ? scenario.leaseTicks : 0 });
  });
}

/** Only without the rule: the row says unknown while the function goes on. */
export function earlyMark(step: Step): void {
  const { token, what } = step.attempt;
  if (step.context.on.markOnlyAfterTheFunctionEnded) return;
  const mark = (next: World): void => void apply(next, { kind: 'mark', token, what }, step.context);
  step.emit(`${step.name} marks the row unknown while its function goes on`, mark, 'fault');
}

export function run(step: Step): void {
  const { attempt, context, emit, name } = step;
  const { scenario, on } = context;
  const { token, what, epoch } = attempt;
  if (scenario.transactional) {
    emit(`${name} does its work in the transaction`, (next) => {
      if (!on.transactionalEffectWithItsReceipt) next.effects[what] = (next.effects[what] ?? 0) + 1;
      goTo(next, step, 'settles', { word: 'yes' });
    });
    return emit(`${name} rolls back`, (next) => goTo(next, step, 'releases'), 'fault');
  }
  const flight = {
    ttl: scenario.wireTicks,
    token,
    epoch,
    what,
    keyed: scenario.policies[step.worker] === 'retry',
  };
  if (maySend(step)) {
    emit(`${name} sends the request`, (next) => {
      put(next, flight);
      goTo(next, step, 'sent');
    });
  } else emit(`${name} may not send any more`, (next) => thrown(next, step, 'anything'));
  if (scenario.throwsNotCommitted) {
    emit(`${name} did nothing and says so`, (next) => thrown(next, step, 'NotCommittedError'), 'fault');
  }
  if (scenario.leftovers && step.world.leftover === null) {
    const queue = (next: World): void => {
      // What is queued goes by the holder's own deadline: its signal is aborted then.
      next.leftover = { ...flight, ttl: attempt.own };
      thrown(next, step, 'anything');
    };
    emit(`${name} queues the request, times out and throws`, queue, 'fault');
  }
  emit(`${name} throws before it sent anything`, (next) => thrown(next, step, 'anything'), 'fault');
  renewal(step);
  earlyMark(step);
}

function maySend({ attempt, context, world }: Step): boolean {
  const { scenario, on } = context;
  const age = world.rows[rowOf(scenario, attempt.what)]?.age ?? 0;
  const arrives = age + (on.keyTtlLeavesTimeForTheWire ? scenario.wireTicks : 0);
  const isForgotten = attempt.doubt && arrives >= (scenario.keyTicks ?? Infinity);
  if (isForgotten && on.keyTtlCheckedAtTheSend) return false;
  return attempt.own > 0 || scenario.fencing === true || !on.fenceBeforeSend || !on.holderStopsBeforeItsLease;
}

export function thrown(next: World, step: Step, error: Thrown): void {
  const meaning = meaningOf(error, step.context.on);
  if (meaning === 'not-committed') return goTo(next, step, 'releases');
  if (meaning === 'rejected') return goTo(next, step, 'settles', { word: 'no' });
  goTo(next, step, 'marks');
}

export function writeOutcome(step: Step): void {
  const { attempt, context, emit, name } = step;
  const { token, what, word } = attempt;
  const { on, scenario } = context;
  const as = word === 'yes' ? 'committed' : 'rejected';
  exchange(step, { kind: 'settle', token, what, as }, (next, { row, isDone }) => {
    // Whatever came of the write, a result happened; a "no" counts only if it stands in the receipt.
    if (as === 'committed' && scenario.operatorErrs) next.learntYes = true;
    if (as === 'committed' && (isDone || !scenario.transactional)) next.toldYes[what] = true;
    if (as === 'rejected' && isDone && row?.state === 'rejected') next.toldNo[what] = true;
    end(next, step);
  });
  const giveUp = (next: World): void => {
    if (as === 'committed' && !scenario.transactional) next.toldYes[what] = true;
    if (as === 'rejected' && !on.rejectionToldOnlyOnceWritten) next.toldNo[what] = true;
    end(next, step);
  };
  emit(`${name} cannot write its ${as} down`, giveUp, 'fault');
  renewal(step);
}
