/** The small worlds that are searched, and which of them shows the harm of which missing rule. */
import type { Invariant } from './explore';
import type { Rule } from './rules';
import type { Scenario } from './state';

const small = { attempts: 2, leaseTicks: 1, wireTicks: 1, lagTicks: 1 } as const;

const probing = ['probe', 'probe'] as const;
const holding = ['hold', 'hold'] as const;
const retrying = ['retry', 'retry'] as const;

/** Each is as small as it can be and still shows what it is there for. */
export const scenarios = {
  hold: {
    ...small,
    fewestStates: 6000,
    name: 'hold, an operator resolves',
    policies: holding,
    operator: true,
    rejects: true,
  },
  holdStray: {
    ...small,
    fewestStates: 24_000,
    ...{
      name: 'hold, messages arrive late',
      policies: holding,
      strays: 1,
      renews: true,
      throwsNotCommitted: true,
    },
    attempts: 3,
  },
  fail: {
    ...small,
    fewestStates: 2400,
    attempts: 3,
    name: 'fail',
    policies: ['fail', 'fail'],
    throwsNotCommitted: true,
    rejects: true,
  },
  probe: {
    ...small,
    fewestStates: 5500,
    name: 'probe',
    policies: probing,
    rejects: true,
    throwsNotCommitted: true,
    live: true,
  },
  probeStray: {
    ...small,
    fewestStates: 35_000,
    name: 'probe, messages arrive late',
    policies: probing,
    strays: 1,
    lagTicks: 0,
  },
  probeRenew: {
    ...small,
    fewestStates: 8000,
    name: 'probe, leases are renewed',
    policies: probing,
    renews: true,
    leaseTicks: 2,
  },
  probeLeftover: {
    ...small,
    fewestStates: 5000,
    name: 'probe, functions leave requests behind',
    policies: probing,
    leftovers: true,
    leaseTicks: 2,
  },
  fencing: {
    ...small,
    fewestStates: 5500,
    ...{ name: 'probe, a provider that fences and holders paused without limit', policies: probing },
    // A read lag is not fenced off: with one, the probe has to wait for it after raising the fence.
    ...{ fencing: true, lagTicks: 0 },
  },
  history: {
    ...small,
    fewestStates: 2200,
    attempts: 3,
    name: 'hold, a reconciler reads histories',
    policies: holding,
    history: true,
  },
  retry: {
    ...small,
    fewestStates: 13_000,
    ...{
      name: 'retry, the provider deduplicates',
      policies: retrying,
      rejects: true,
      throwsNotCommitted: true,
    },
    keyTicks: 4,
  },
  retryErr: {
    ...small,
    fewestStates: 24_000,
    ...{ name: 'retry, an operator errs', policies: retrying, operator: true, operatorErrs: true },
    ...{ throwsNotCommitted: true, keyTicks: 4 },
  },
  mixed: {
    ...small,
    fewestStates: 7000,
    ...{
      name: 'callers under hold and retry',
      policies: ['hold', 'retry'],
      throwsNotCommitted: true,
      keyTicks: 6,
    },
  },
  reuse: {
    ...small,
    fewestStates: 5000,
    attempts: 3,
    name: 'one id, two payloads',
    policies: probing,
    second: 'reuse',
    rejects: true,
  },
  generation: {
    ...small,
    fewestStates: 5000,
    attempts: 3,
    ...{ name: 'two generations', policies: probing, second: 'generation', rejects: true },
  },
  transactional: {
    ...small,
    fewestStates: 11_000,
    ...{ name: 'transactional', policies: holding, transactional: true, strays: 1, live: true },
  },
  delegated: {
    ...small,
    fewestStates: 4400,
    ...{ name: 'asynchronous completion', policies: probing, delegated: true, operator: true },
  },
  vanishes: {
    ...small,
    fewestStates: 10_000,
    name: 'a failover loses the row',
    policies: probing,
    failover: 'vanishes',
    live: true,
  },
  rollsBack: {
    ...small,
    fewestStates: 22_000,
    ...{ name: 'a failover rolls a claim back', policies: probing, failover: 'rolls back' },
    ...{ throwsNotCommitted: true, wireTicks: 0, lagTicks: 0 },
  },
  rollsBackRenewal: {
    ...small,
    fewestStates: 45_000,
    ...{ name: 'a failover rolls a renewal back', policies: probing, failover: 'rolls back' },
    ...{ renews: true, leaseTicks: 2, wireTicks: 0, lagTicks: 0 },
  },
  pruned: {
    ...small,
    fewestStates: 5500,
    name: 'receipts are pruned',
    policies: probing,
    prunes: true,
    live: true,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

/** What the search must find without a rule. */
export interface Harm {
  readonly without: readonly Rule[];
  readonly in: ScenarioName;
  readonly breaks: Invariant;
}

const harm = (rule: Rule, scenario: ScenarioName, breaks: Invariant): Harm => ({
  without: [rule],
  in: scenario,
  breaks,
});

export const harms: readonly Harm[] = [
  harm('exclusiveClaim', 'hold', 'effects'),
  harm('claimBeforeEffect', 'hold', 'effects'),
  harm('failClosedWithoutStore', 'hold', 'effects'),
  harm('fingerprintChecked', 'reuse', 'answer'),
  harm('freshTokenPerClaim', 'holdStray', 'effects'),
  harm('epochGrows', 'retry', 'epoch'),
  harm('takeOverByCas', 'probe', 'effects'),
  harm('settleGuardedByToken', 'retry', 'token'),
  harm('releaseGuardedByToken', 'holdStray', 'effects'),
  harm('renewGuardedByToken', 'holdStray', 'token'),
  harm('receiptsAreFinal', 'probeStray', 'receipt'),
  harm('rejectionToldOnlyOnceWritten', 'probe', 'answer'),
  harm('throwIsUnknown', 'hold', 'effects'),
  harm('doubtIsInherited', 'retry', 'answer'),
  harm('ownDeadlineFromBeforeAsking', 'probe', 'effects'),
  harm('holderStopsBeforeItsLease', 'probe', 'effects'),
  harm('fenceBeforeSend', 'probe', 'effects'),
  harm('signalStopsLeftovers', 'probeLeftover', 'effects'),
  harm('lapsedLeaseIsUnknownNotReleased', 'hold', 'effects'),
  harm('lapsedLeaseBecomesUnknown', 'probe', 'resolves'),
  harm('expiredLeaseIsNotRevived', 'probeRenew', 'effects'),
  harm('markUnknownKeepsTheLease', 'probeLeftover', 'effects'),
  harm('holdRunsNothing', 'hold', 'effects'),
  harm('holdRunsNothing', 'fail', 'effects'),
  harm('strictestPolicyGoverns', 'mixed', 'effects'),
  harm('keyTtlCheckedAtTheSend', 'retry', 'effects'),
  harm('keyTtlLeavesTimeForTheWire', 'retry', 'effects'),
  harm('probeNoNeedsGrace', 'probe', 'effects'),
  harm('graceCoversTheWire', 'probe', 'effects'),
  harm('graceCoversTheReadLag', 'probe', 'effects'),
  harm('graceCountsFromTheQuestion', 'probe', 'effects'),
  harm('probeRaisesTheFence', 'fencing', 'effects'),
  harm('operatorNoNeedsGrace', 'hold', 'effects'),
  harm('resolveByCas', 'probe', 'effects'),
  harm('committedEvidenceVetoes', 'retryErr', 'effects'),
  harm('lateOutcomeIsKept', 'retryErr', 'effects'),
  harm('historyProvesOnlyCommitted', 'history', 'effects'),
  harm('transactionalSettlesWithOwnToken', 'transactional', 'effects'),
  harm('transactionalEffectWithItsReceipt', 'transactional', 'effects'),
  harm('lostTransactionIsReleased', 'transactional', 'resolves'),
  harm('delegatedHasNoLease', 'delegated', 'effects'),
  harm('delegatedOnlyUnderALease', 'delegated', 'effects'),
  harm('delegatedBeforeHandingOver', 'delegated', 'effects'),
  harm('generationOnlyOverRejected', 'generation', 'effects'),
  harm('failoverRowIsUnknown', 'vanishes', 'effects'),
  harm('failoverRowHasALease', 'vanishes', 'effects'),
  harm('rolledBackRowIsUnknown', 'rollsBack', 'effects'),
  harm('rolledBackRowIsUnknown', 'rollsBackRenewal', 'effects'),
  harm('epochGrowsAcrossFailover', 'rollsBack', 'effects'),
  harm('tombstoneFailsClosed', 'pruned', 'effects'),
  harm('pruneOnlySettled', 'pruned', 'resolves'),
  {
    without: ['markOnlyAfterTheFunctionEnded', 'markUnknownKeepsTheLease'],
    in: 'probeRenew',
    breaks: 'effects',
  },
];

/** Rules that another one covers in the model. They stay: the model is smaller than the world. */
export const redundant: readonly { rule: Rule; in: ScenarioName; because: string }[] = [
  // The pair is taken out above. Either alone suffices for a function that leaves nothing behind; against one that
  // does (`probeLeftover`) only the kept lease helps.
  {
    rule: 'markOnlyAfterTheFunctionEnded',
    in: 'probeRenew',
    because: 'the lease that is kept bounds the function that goes on',
  },
  {
    rule: 'markUnknownKeepsTheLease',
    in: 'probeRenew',
    because: 'a function that has ended sends nothing more',
  },
  // It only spares a claim that could never send.
  { rule: 'keyTtlCheckedAtTakeOver', in: 'retry', because: 'the send is checked as well' },
];
