/**
 * Every rule of the protocol whose loss breaks something, as a switch, and the decisions that the model takes from
 * `src/core`: it checks the code itself wherever the code is a pure function.
 */
import {
  decide,
  governingPolicy,
  NotCommittedError,
  RejectedError,
  type PolicyName,
  type Receipt,
} from '../../src/core';
import { classifyError, type ErrorClass } from '../../src/core/policy';
import { isFree, isUnresolved } from '../../src/core/receipt';
import type { Row } from './state';

/** What each rule says. The search takes one out at a time. */
export const rules = {
  // The claim.
  exclusiveClaim: 'a claim finds the row that is there and never writes over it',
  claimBeforeEffect: 'the claim is written before the effect',
  failClosedWithoutStore: 'without the store nothing runs',
  fingerprintChecked: 'an id with another payload is refused',
  freshTokenPerClaim: 'a new claim has a new token',
  epochGrows: 'every new claim of an id has a higher epoch',
  takeOverByCas: 'a released or unknown row is taken only as it was seen',
  // What a holder writes.
  settleGuardedByToken: 'a settle changes only the row of its own token',
  releaseGuardedByToken: 'a release changes only the row of its own token',
  renewGuardedByToken: 'a renewal extends only the row of its own token',
  receiptsAreFinal: 'a settled receipt is never written again',
  rejectionToldOnlyOnceWritten: 'a rejection that could not be written down is not given to the caller',
  throwIsUnknown: 'a throw proves nothing',
  doubtIsInherited: 'a "no" of a second attempt says nothing of the first',
  // The lease.
  ownDeadlineFromBeforeAsking: "the holder's deadline counts from before it asked",
  holderStopsBeforeItsLease: 'the holder starts and sends nothing once its lease may be over',
  fenceBeforeSend: 'the claim is checked again just before the send',
  signalStopsLeftovers: 'what a function left behind is stopped at the deadline',
  lapsedLeaseIsUnknownNotReleased: 'a lease that ran out says nothing of the effect',
  lapsedLeaseBecomesUnknown: 'a lease that ran out does not stand for ever',
  expiredLeaseIsNotRevived: 'a lease that ran out is not renewed',
  markUnknownKeepsTheLease: 'marking a row unknown does not shorten its lease',
  markOnlyAfterTheFunctionEnded: 'the holder marks only when its function has ended',
  // Unknown, evidence and resolution.
  holdRunsNothing: 'under hold and fail nothing is run again',
  strictestPolicyGoverns: 'of two policies the stricter governs',
  keyTtlCheckedAtTakeOver: 'under retry nothing is taken over once the provider may have forgotten the key',
  keyTtlCheckedAtTheSend: 'under retry nothing is sent that can arrive after the provider forgot the key',
  keyTtlLeavesTimeForTheWire: 'that is the moment at which it can arrive, not at which it is sent',
  probeNoNeedsGrace: 'a "no" before the end of lease and grace proves nothing',
  graceCoversTheWire: 'the grace covers the longest time on the wire',
  graceCoversTheReadLag: "the grace covers the provider's read lag",
  graceCountsFromTheQuestion: 'the grace must be over when the question is put, not when it is answered',
  probeRaisesTheFence: 'with a fencing provider the probe raises the fence before it reads',
  operatorNoNeedsGrace: 'an operator\'s "no" needs the grace as well',
  resolveByCas: 'evidence resolves only the claim it speaks of',
  committedEvidenceVetoes: 'one "committed" on file forbids the release',
  lateOutcomeIsKept: 'an outcome that comes too late is kept as evidence',
  historyProvesOnlyCommitted: "a failure in Temporal's history proves nothing",
  // Kinds of claims and of rows.
  transactionalSettlesWithOwnToken: 'a transactional settle finds its own token or rolls back',
  transactionalEffectWithItsReceipt: 'the transactional effect commits with its receipt',
  lostTransactionIsReleased: 'a transactional claim whose lease ran out is released',
  delegatedHasNoLease: 'a delegated claim does not run out',
  delegatedOnlyUnderALease: 'a claim whose lease ran out is not delegated any more',
  delegatedBeforeHandingOver: 'the row is delegated before the token is handed over',
  generationOnlyOverRejected: 'generation 2 runs only over a rejected generation 1',
  failoverRowIsUnknown: 'after a failover an older id without a row is unknown',
  failoverRowHasALease: 'that unknown row gets a whole lease from the failover on',
  rolledBackRowIsUnknown: 'after a failover an older row that is not settled is unknown, with a whole lease',
  epochGrowsAcrossFailover: 'no epoch that a failover lost is given out again',
  tombstoneFailsClosed: 'pruning leaves a tombstone, on which nothing runs',
  pruneOnlySettled: 'pruning takes only settled rows',
} as const;

export type Rule = keyof typeof rules;

/** Which rules hold in a run of the search. */
export type Switches = Readonly<Record<Rule, boolean>>;

export const allRulesBut = (...removed: readonly Rule[]): Switches =>
  Object.fromEntries(
    (Object.keys(rules) as Rule[]).map((rule) => [rule, !removed.includes(rule)]),
  ) as unknown as Switches;

export type Answer = ReturnType<typeof decide>;

/** A row as src/core sees it; a rule about lapsed leases is taken out by showing the code another row. */
function receiptOf(row: Row, on: Switches): Receipt {
  const neverLapses = row.state === 'claimed' && !on.lapsedLeaseBecomesUnknown;
  const saysNothingHappened = !on.lapsedLeaseIsUnknownNotReleased;
  return {
    ...{ key: 'k', namespace: 'n', requestId: 'r', action: 'a', fingerprint: String(row.fingerprint) },
    ...{ state: row.state, policy: row.policy, token: String(row.token), epoch: row.epoch },
    doubt: row.doubt && !saysNothingHappened,
    transactional: saysNothingHappened || (row.transactional && on.lostTransactionIsReleased),
    leaseRemainingMs: neverLapses ? 1 : row.lease,
    ...{ graceMs: 0, ageMs: row.age, claimedAt: '', settledAt: undefined, outcome: undefined, origin: {} },
    ...{ contested: false, finality: undefined, finalAt: undefined },
  };
}

/** The answer of a row to a claimer. */
export function decideRow(
  row: Row,
  { token, fingerprint, wantsNext = false }: { token: number; fingerprint: number; wantsNext?: boolean },
  on: Switches,
): Answer {
  const asked = String(on.fingerprintChecked ? fingerprint : row.fingerprint);
  return decide(receiptOf(row, on), { token: String(token), action: 'a', fingerprint: asked, wantsNext });
}

export const isUnresolvedRow = (row: Row, on: Switches): boolean => isUnresolved(receiptOf(row, on));

export const isFreeRow = (row: Row, on: Switches): boolean => isFree(receiptOf(row, on));

/** The policy that governs: the real one, or the caller's own. */
export function policyOver(row: Row, mine: PolicyName, on: Switches): PolicyName {
  const governs = on.strictestPolicyGoverns ? governingPolicy(row.policy, mine) : mine;
  const runsNothing = governs === 'hold' || governs === 'fail';
  return runsNothing && !on.holdRunsNothing ? 'retry' : governs;
}

/** What the function of an attempt can throw. */
const errors = {
  anything: new Error('socket hang up'),
  NotCommittedError: new NotCommittedError('it never left'),
  RejectedError: new RejectedError('declined'),
} as const;

export type Thrown = keyof typeof errors;

/** What the throw means, by the real classification. */
export function meaningOf(thrown: Thrown, on: Switches): ErrorClass {
  if (thrown === 'anything' && !on.throwIsUnknown) return 'not-committed';
  return classifyError(errors[thrown]);
}
