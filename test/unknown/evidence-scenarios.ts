/** What sources say of intents whose worker is killed: too early, too late, against each other, and with lies. */
import {
  InvalidRequestError,
  recordEvidence,
  type EvidenceAnswer,
  type ReportedEvidence,
} from 'activity-guard';
import { ownSources } from '../../src/core/evidence';
import { decide, untilConclusive } from './scenarios';
import { times, type Charge } from './terms';
import type { Scenario, Trial } from './trial';

/** Longer than probes and reconcilers need that may decide. */
const nobodyDecidesMs = times.leaseMs + times.graceMs + 3000;

const say = (
  { stage, intent }: Trial,
  source: string,
  verdict: ReportedEvidence['verdict'],
  result?: Charge,
): Promise<EvidenceAnswer> =>
  recordEvidence(stage.receipts, { requestId: intent, source, verdict, ...(result ? { result } : {}) });

type Said = readonly [source: string, verdict: ReportedEvidence['verdict'], result?: Charge];

/** A statement and the answer it has to get. */
async function sayAs(trial: Trial, expected: Partial<EvidenceAnswer>, ...said: Said): Promise<void> {
  const answer = await say(trial, ...said);
  for (const [name, value] of Object.entries(expected))
    if (answer[name as keyof EvidenceAnswer] !== value)
      throw new Error(`${said[0]} was told ${JSON.stringify(answer)}, not ${JSON.stringify(expected)}`);
}

/** Said while its worker lives. One that was too slow to renew its lease is no longer what the trial is about. */
async function sayWhileClaimed(trial: Trial, ...said: Said): Promise<void> {
  const { state, contested } = await say(trial, ...said);
  if (state !== 'claimed') trial.wasMissed = true;
  else if (contested) trial.problem(`${said[0]} made a claim contested whose worker lives`);
}

/** Without an effect there is nothing to tell: that is judged elsewhere. */
function chargeOf({ account }: Trial): Charge {
  if (!account.charge) throw new Error('there was no effect');
  return account.charge;
}

const commit = (trial: Trial): Promise<void> =>
  decide(trial, (found) => [['--committed', '--result', JSON.stringify(found)]]);

/** Contested, so that nobody but a person decides. */
async function onlyAPerson(trial: Trial, lookedAtMs = nobodyDecidesMs): Promise<void> {
  await trial.stage.operator.whenListed(trial.intent, 'contested');
  trial.isListed = true;
  await trial.staysOpen(lookedAtMs);
  await commit(trial);
}

const contestedByReports: Scenario = {
  ...{ row: 'contested', terms: 'probed', fate: 'done' },
  whileClaimed: async (trial) => {
    await sayWhileClaimed(trial, 'webhook', 'committed', chargeOf(trial));
    await sayWhileClaimed(trial, 'export', 'not-committed');
  },
  afterKill: (trial) => onlyAPerson(trial),
};

/** The probe finds the effect that a report denies. */
const contestedByProbe: Scenario = {
  ...{ row: 'contested', terms: 'probed', fate: 'done' },
  whileClaimed: (trial) => sayWhileClaimed(trial, 'export', 'not-committed'),
  afterKill: (trial) => onlyAPerson(trial),
};

/** Said before there is a row, and without a result: nothing runs, and its callers wait for a source that has it. */
const earlyBeforeTheClaim: Scenario = {
  ...{ row: 'early', terms: 'held', fate: 'elsewhere' },
  before: (trial) => sayAs(trial, { state: 'none' }, 'webhook', 'committed'),
  afterKill: async (trial) => {
    await trial.staysOpen(2000);
    await sayAs(trial, { state: 'committed' }, 'export', 'committed', chargeOf(trial));
  },
};

/** Kept while its worker lives, and used when that is dead. */
const earlyWhileClaimed: Scenario = {
  ...{ row: 'early', terms: 'held', fate: 'done' },
  whileClaimed: (trial) => sayWhileClaimed(trial, 'webhook', 'committed', chargeOf(trial)),
};

const late: Scenario = {
  ...{ row: 'late', terms: 'probed', fate: 'done' },
  atTheEnd: async (trial) => {
    const before = JSON.stringify(await settledPart(trial));
    for (const verdict of ['not-committed', 'rejected', 'committed'] as const)
      await sayAs(trial, { state: 'committed', contested: false, late: true }, 'webhook', verdict, {
        ...{ id: 'another', intent: trial.intent },
      });
    if (JSON.stringify(await settledPart(trial)) !== before) trial.problem('late evidence has changed it');
    const { evidence = [] } = (await trial.stage.look(trial.intent)) ?? {};
    const flagged = evidence.filter((e) => e.source === 'webhook' && e.late);
    if (flagged.length !== 3) trial.problem(`${flagged.length} of 3 late statements are flagged`);
    await trial.callAgain();
  },
};

async function settledPart(trial: Trial): Promise<unknown> {
  const { state, epoch, outcome, settledAt, contested } = (await trial.receipt()) ?? {};
  return { state, epoch, settledAt, contested, outcome: outcome && Buffer.from(outcome.bytes).toString() };
}

/** Names of the guard's own sources. */
async function forgeOwn(trial: Trial): Promise<void> {
  for (const source of ownSources) {
    const answer = await say(trial, source, 'committed', forged(trial)).catch((error: unknown) => error);
    if (!(answer instanceof InvalidRequestError))
      trial.problem(`${source} was not refused: ${JSON.stringify(answer)}`);
  }
  const { evidence = [] } = (await trial.stage.look(trial.intent)) ?? {};
  if (evidence.some(({ verdict }) => verdict === 'committed')) trial.problem('a forged statement was kept');
}

const forged = ({ intent }: Trial): Charge => ({ id: 'forged', intent });

const forgedAsOwn: Scenario = {
  ...{ row: 'forged', terms: 'held', fate: 'done' },
  whileClaimed: forgeOwn,
  afterKill: async (trial) => {
    await untilConclusive(trial);
    await forgeOwn(trial);
    await trial.staysOpen(2000);
    await sayAs(trial, { state: 'committed' }, 'webhook', 'committed', chargeOf(trial));
  },
};

/** A source that `finality` does not list, with a result of its own. */
const forgedYes: Scenario = {
  ...{ row: 'forged', terms: 'listed', fate: 'done' },
  whileClaimed: (trial) => sayWhileClaimed(trial, 'mallory', 'committed', forged(trial)),
  afterKill: async (trial) => {
    await trial.staysOpen(nobodyDecidesMs);
    await sayAs(trial, { state: 'committed' }, 'clearing', 'committed', chargeOf(trial));
  },
};

/** The same source denies what happened, when that would count: nothing runs again, and the truth is contested. */
const forgedNo: Scenario = {
  ...{ row: 'forged', terms: 'listed', fate: 'done' },
  afterKill: async (trial) => {
    await untilConclusive(trial);
    await sayAs(trial, { contested: false }, 'mallory', 'not-committed');
    await trial.staysOpen(4000);
    await sayAs(trial, { contested: true }, 'clearing', 'committed', chargeOf(trial));
    await onlyAPerson(trial, 2000);
  },
};

export const evidenceScenarios: readonly Scenario[] = [
  ...[contestedByReports, earlyBeforeTheClaim, late, forgedAsOwn],
  ...[contestedByProbe, earlyWhileClaimed, forgedYes, forgedNo],
];
