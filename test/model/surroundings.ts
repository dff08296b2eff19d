/** What goes on around the attempts: late messages, other sources of evidence, disasters, and time. */
import { apply, isSettled } from './database';
import { put, readsYes } from './provider';
import { isUnresolvedRow } from './rules';
import { epochsPerTimeline, rowOf, type Context, type Row, type World } from './state';
import type { Emit } from './step';

type Moves = (world: World, context: Context, emit: Emit) => void;

/** Whether the row of an intent is open to evidence now. */
const isOpenToEvidence = (world: World, what: number, context: Context): boolean => {
  const row = world.rows[rowOf(context.scenario, what)];
  return row != null && (isUnresolvedRow(row, context.on) || row.state === 'delegated');
};

/** A message that nobody waits for any more arrives after all. Never arriving is the same as arriving never. */
const strayMoves: Moves = ({ stray }, context, emit) => {
  if (!stray) return;
  emit(`the delayed ${stray.kind} arrives`, (next) => {
    next.stray = null;
    apply(next, stray, context);
  });
};

/** What a function left behind goes out on its own, until the signal of its claim stops it. */
const leftoverMoves: Moves = ({ leftover }, { scenario, on }, emit) => {
  if (!leftover) return;
  if (leftover.ttl <= 0 && on.signalStopsLeftovers) {
    return emit('the queued request is stopped by its signal', (next) => void (next.leftover = null));
  }
  emit('the queued request is sent after all', (next) => {
    next.leftover = null;
    put(next, { ...leftover, ttl: scenario.wireTicks });
  });
};

/** Somebody else does a delegated job and ends the claim under its token, with no lease to keep to. */
const jobMoves: Moves = ({ job }, context, emit) => {
  if (!job) return;
  const { token, what } = job;
  if (job.at === 'has it') {
    emit('the delegate sends the request', (next) => {
      next.job = { ...job, at: 'sent' };
      put(next, { ttl: context.scenario.wireTicks, token, what, epoch: 0, keyed: false });
    });
  }
  if (job.at === 'settles') {
    emit('the delegate completes', (next) => {
      next.job = null;
      apply(next, { kind: 'settle', token, what, as: 'committed' }, context);
    });
  }
  emit('the delegate dies', (next) => void (next.job = null), 'fault');
};

/** An operator looks at the provider and says what he saw. */
const operatorMoves: Moves = (world, context, emit) => {
  const { scenario, on } = context;
  const row = world.rows[0];
  if (!row || !scenario.operator || !isOpenToEvidence(world, 0, context)) return;
  const grace = on.operatorNoNeedsGrace ? scenario.wireTicks + scenario.lagTicks : 0;
  // Of a delegated job he knows whether anybody still has it; nothing else tells.
  const isUnderWay =
    world.job !== null || world.wire.length > 0 || world.attempts.some(({ at }) => at === 'hands over');
  const isPast = row.state === 'delegated' ? !isUnderWay && world.lag === 0 : row.lease <= -grace;
  for (const yes of readsYes(world, 0)) {
    if (!yes && !isPast) continue;
    emit(`the operator says ${yes ? 'it happened' : 'it did not happen'}`, (next) => {
      apply(
        next,
        { kind: 'resolve', what: 0, epoch: row.epoch, as: yes ? 'committed' : 'released' },
        context,
      );
    });
  }
  // He errs only where another source knew better: without one no guard can tell.
  if (!scenario.operatorErrs || !world.learntYes || row.lease > 0) return;
  emit('the operator is wrong and says it did not happen', (next) => {
    apply(next, { kind: 'resolve', what: 0, epoch: row.epoch, as: 'released' }, context);
  });
};

/** The reconciler reads what the attempts reported to Temporal. */
const historyMoves: Moves = (world, context, emit) => {
  const row = world.rows[0];
  if (!row || !context.scenario.history || !isOpenToEvidence(world, 0, context)) return;
  const resolve = (as: 'committed' | 'released') => (next: World) =>
    void apply(next, { kind: 'resolve', what: 0, epoch: row.epoch, as }, context);
  if (world.toldYes[0]) emit('the history has a result: committed', resolve('committed'));
  else if (!context.on.historyProvesOnlyCommitted) {
    emit('the history has a failure, taken for a "no"', resolve('released'), 'fault');
  }
};

/** Pruning, once per search: the row has been there long enough. */
const pruneMoves: Moves = (world, { scenario, on }, emit) => {
  const row = world.rows[0];
  if (!row || !scenario.prunes || row.state === 'pruned') return;
  if (!isSettled(row) && (on.pruneOnlySettled || row.state !== 'unknown')) return;
  emit(`the ${row.state} row is pruned`, (next) => {
    next.rows[0] = on.tombstoneFailsClosed ? { ...row, state: 'pruned' } : null;
  });
};

/** The database fails over to a replica that had not yet got the last writes. */
const failoverMoves: Moves = (world, { scenario, on }, emit) => {
  if (!scenario.failover || world.failedOver) return;
  const row = world.rows[0] ?? null;
  if (scenario.failover === 'rolls back' && row && row !== world.replica) {
    emit('the replica gets the row', (next) => void (next.replica = row));
  }
  emit(
    'the database fails over',
    (next) => {
      next.failedOver = true;
      next.replica = null;
      const old = world.replica;
      const jump = on.epochGrowsAcrossFailover ? epochsPerTimeline : 0;
      const isOpen = old !== null && !isSettled(old);
      // Whoever claimed in the lost writes can still send for a whole lease, and evidence of a lost epoch can be on
      // its way: the epochs of the new timeline are all higher.
      next.rows[0] =
        isOpen && on.rolledBackRowIsUnknown
          ? { ...old, state: 'unknown', lease: scenario.leaseTicks, epoch: old.epoch + jump, doubt: true }
          : old;
    },
    'fault',
  );
};

const isOver = (row: Row): boolean => isSettled(row) || row.state === 'released' || row.state === 'pruned';

/** Time goes on, unless a request has to arrive before. */
const timeMoves: Moves = (world, { scenario }, emit) => {
  const { wireTicks, lagTicks, leaseTicks, keyTicks } = scenario;
  if (world.wire.some(({ ttl }) => ttl === 0)) return;
  const older = (row: Row | null): Row | null =>
    row && {
      ...row,
      // Only rows that can become unknown need a clock, and nothing looks further back than the grace.
      lease: isOver(row) ? 0 : Math.max(row.lease - 1, -wireTicks - lagTicks),
      age: keyTicks === undefined ? 0 : Math.min(row.age + 1, keyTicks),
    };
  emit('a tick passes', (next) => {
    next.rows = next.rows.map(older);
    next.replica = world.replica === world.rows[0] ? (next.rows[0] ?? null) : older(world.replica);
    next.wire = next.wire.map((flight) => ({ ...flight, ttl: flight.ttl - 1 }));
    next.lag = Math.max(0, next.lag - 1);
    if (next.keyAge >= 0) next.keyAge = Math.min(next.keyAge + 1, keyTicks ?? 0);
    if (next.leftover) next.leftover = { ...next.leftover, ttl: Math.max(0, next.leftover.ttl - 1) };
    next.attempts = next.attempts.map((attempt) => {
      const isAsking = attempt.at === 'asks' || attempt.at === 'takes over';
      const own = Math.max(attempt.own - 1, isAsking ? -leaseTicks : 0);
      return own === attempt.own ? attempt : { ...attempt, own };
    });
  });
};

/** In the order in which a healed world makes them: whatever is under way goes first, time last. */
export const movesAround: readonly Moves[] = [
  strayMoves,
  leftoverMoves,
  jobMoves,
  historyMoves,
  pruneMoves,
  failoverMoves,
  operatorMoves,
  timeMoves,
];
