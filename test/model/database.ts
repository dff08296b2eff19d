/** The database of the model: each message is one guarded statement, as in `src/stores`. */
import { isFreeRow, isUnresolvedRow } from './rules';
import type { Context, Op, Row, World } from './state';
import { epochsPerTimeline, rowOf } from './state';

export const isSettled = (row: Row): boolean => row.state === 'committed' || row.state === 'rejected';

/** What the sender gets back. */
export interface Reply {
  readonly row: Row | null;
  readonly isDone: boolean;
}

/** Applies a message and says what is answered. Only here do rows change, but for time and disasters. */
export function apply(world: World, op: Op, context: Context): Reply {
  const id = rowOf(context.scenario, op.what);
  const before = world.rows[id] ?? null;
  const after = changed(world, op, before, context);
  if (after !== undefined) world.rows[id] = after;
  if (before && after && 'token' in op) {
    const isClaim = op.kind === 'claim' || op.kind === 'take over';
    if (!isClaim && before.token !== op.token) world.broken = 'a stale token writes nothing';
  }
  return { row: world.rows[id] ?? null, isDone: after !== undefined };
}

/** The row after the message; `undefined` if no row was touched. */
function changed(world: World, op: Op, row: Row | null, context: Context): Row | undefined {
  const { on, scenario } = context;
  switch (op.kind) {
    case 'claim':
      return claim(world, op, row, context);
    case 'take over':
      return takeOver(world, op, row, context);
    case 'settle':
      return settle(world, op, row, context);
    case 'release': {
      const isMine = row?.token === op.token || !on.releaseGuardedByToken;
      if (!row || !isMine || !isOpen(row, context)) return undefined;
      return { ...row, state: row.doubt && on.doubtIsInherited ? 'unknown' : 'released' };
    }
    case 'mark': {
      if (row?.token !== op.token || !isOpen(row, context)) return undefined;
      // Now is somewhere within this tick, so a lease that ends now ends with the tick.
      const endsNow = Math.min(row.lease, 1);
      // What went on elsewhere has no lease; it was perhaps sent just now.
      const lease = row.state === 'delegated' ? Math.max(row.lease, 0) : row.lease;
      return { ...row, state: 'unknown', lease: on.markUnknownKeepsTheLease ? lease : endsNow };
    }
    case 'renew': {
      const isMine = row?.token === op.token || !on.renewGuardedByToken;
      if (!row || !isMine || row.state !== 'claimed') return undefined;
      // A probe may already have been told "no" on the strength of the lease that ended.
      if (row.lease <= 0 && on.expiredLeaseIsNotRevived) return undefined;
      return { ...row, lease: scenario.leaseTicks };
    }
    case 'delegate': {
      if (row?.token !== op.token || row.state !== 'claimed') return undefined;
      // The same as a renewal: somebody may already be on the way to release it.
      if (row.lease <= 0 && on.delegatedOnlyUnderALease) return undefined;
      return on.delegatedHasNoLease ? { ...row, state: 'delegated' } : row;
    }
    case 'resolve':
      return resolve(world, op, row, context);
    default:
      return op satisfies never;
  }
}

const isOpen = (row: Row, { on }: Context): boolean =>
  row.state === 'claimed' || row.state === 'delegated' || (!on.receiptsAreFinal && isSettled(row));

function claim(
  world: World,
  op: Op & { kind: 'claim' },
  row: Row | null,
  { on, scenario }: Context,
): Row | undefined {
  if (row && (on.exclusiveClaim || isSettled(row))) return undefined;
  const firstEpoch = world.failedOver && on.epochGrowsAcrossFailover ? epochsPerTimeline : 1;
  const isLost = world.failedOver && on.failoverRowIsUnknown;
  return {
    state: isLost ? 'unknown' : 'claimed',
    // The lost claim may have been renewed just before the failover: its holder can still send for a whole lease.
    lease: isLost && !on.failoverRowHasALease ? -scenario.wireTicks - scenario.lagTicks : scenario.leaseTicks,
    ...{ token: op.token, epoch: row?.epoch ?? firstEpoch, age: 0, doubt: false },
    policy: scenario.policies[op.by] ?? 'hold',
    transactional: scenario.transactional === true,
    fingerprint: scenario.second === 'reuse' ? op.what : 0,
  };
}

function takeOver(
  world: World,
  op: Op & { kind: 'take over' },
  row: Row | null,
  context: Context,
): Row | undefined {
  const { on, scenario } = context;
  if (!row) return undefined;
  const isVetoed = world.evidence[rowOf(scenario, op.what)] && on.committedEvidenceVetoes;
  const isAsSeen =
    row.epoch === op.epoch && (isFreeRow(row, on) || (op.fromUnknown && isUnresolvedRow(row, on)));
  if ((!isAsSeen && on.takeOverByCas) || isVetoed || isSettled(row)) return undefined;
  return {
    ...row,
    ...{ state: 'claimed', token: op.token, lease: scenario.leaseTicks },
    epoch: row.epoch + (on.epochGrows ? 1 : 0),
    policy: scenario.policies[op.by] ?? 'hold',
    doubt: op.fromUnknown && !isFreeRow(row, on),
  };
}

function settle(
  world: World,
  op: Op & { kind: 'settle' },
  row: Row | null,
  { on, scenario }: Context,
): Row | undefined {
  const isMine = row?.token === op.token || !on.settleGuardedByToken;
  // A transaction whose guard is missing commits its effect, whatever becomes of the receipt.
  const effectHappens = scenario.transactional && on.transactionalEffectWithItsReceipt;
  const isUnguarded = effectHappens && !on.transactionalSettlesWithOwnToken;
  if (isUnguarded && row && row.state !== op.as) world.effects[op.what] = (world.effects[op.what] ?? 0) + 1;
  // Of a transaction nothing can be late: it commits under its claim or not at all.
  const isLateYes =
    op.as === 'committed' &&
    !scenario.transactional &&
    (row?.state === 'unknown' || row?.state === 'released');
  const isDue = row?.state === 'claimed' || row?.state === 'delegated' || isLateYes;
  if (row && isMine && (isDue || (!on.receiptsAreFinal && isSettled(row)))) {
    if (effectHappens && !isUnguarded && isDue) world.effects[op.what] = (world.effects[op.what] ?? 0) + 1;
    if (op.as === 'rejected' && row.doubt && on.doubtIsInherited) return { ...row, state: 'unknown' };
    return { ...row, state: op.as };
  }
  if (row && isMine && row.state === op.as) return row; // asked again after a lost answer
  if (op.as === 'committed' && !scenario.transactional && on.lateOutcomeIsKept) {
    world.evidence[rowOf(scenario, op.what)] = true;
  }
  return undefined;
}

function resolve(
  world: World,
  op: Op & { kind: 'resolve' },
  row: Row | null,
  context: Context,
): Row | undefined {
  const { on, scenario } = context;
  const id = rowOf(scenario, op.what);
  const isVetoed = world.evidence[id] && on.committedEvidenceVetoes;
  if (op.as === 'committed') world.evidence[id] = true;
  if (!row || (row.epoch !== op.epoch && on.resolveByCas)) return undefined;
  const isOver = isUnresolvedRow(row, on) && row.lease <= 0;
  const isDue =
    op.as === 'committed'
      ? isUnresolvedRow(row, on) || isFreeRow(row, on) || row.state === 'delegated'
      : (isOver || row.state === 'delegated') && !isVetoed;
  return isDue ? { ...row, state: op.as, doubt: false } : undefined;
}
