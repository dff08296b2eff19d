/** What happens to the intents under each policy. */
import { setTimeout as delay } from 'node:timers/promises';

import { isUnresolved } from '../../src/core';
import { lookEveryMs, type Charge } from './terms';
import type { Scenario, Trial } from './trial';

/** What the persons did; counted, so that no case is only believed to occur. */
export const persons = {
  /** Trusted a search that was behind, said "it did not happen", and were refused. */
  refusedEarly: 0,
  /** The same, but said so only when it would count. */
  refusedStale: 0,
  /** Decided on what had changed meanwhile, and had to look again. */
  refusedChanged: 0,
  committed: 0,
  notCommitted: 0,
  compensated: 0,
  /** Two of them decided by the same token. */
  races: 0,
  racesWonByOne: 0,
};

const mostLooks = 60;

export type Decision = readonly string[];
const committedAs = (charge: Charge): Decision => ['--committed', '--result', JSON.stringify(charge)];
const notCommitted: Decision = ['--not-committed'];
const compensated: Decision = ['--compensated'];

/** What a person decides who found the effect. */
export type Choose = (found: Charge) => readonly Decision[];

/** Decides with the command line, by what the provider's search says at the time. */
export async function decide(trial: Trial, choose: Choose): Promise<void> {
  const { stage, intent, account } = trial;
  for (let look = 0; look < mostLooks; look++) {
    const { token } = await stage.operator.show(intent);
    const found = account.find();
    const decisions = found ? choose(found) : [notCommitted];
    const ends = await Promise.all(decisions.map((d) => stage.operator.resolve(intent, token, ...d)));
    const winners = decisions.filter((_decision, i) => ends[i]?.code === 0);
    if (winners.length > 0) return accept(trial, decisions, winners);
    const said = ends[0]?.err ?? '';
    if (/has changed/.test(said)) persons.refusedChanged++;
    else if (/may still arrive/.test(said)) persons.refusedEarly++;
    else if (/when you looked/.test(said)) persons.refusedStale++;
    else throw new Error(`the command line refused: ${said}`);
    await delay(lookEveryMs);
  }
  throw new Error('no decision was ever accepted');
}

function accept(trial: Trial, decisions: readonly Decision[], winners: readonly Decision[]): void {
  const [winner = []] = winners;
  if (decisions.length > 1) persons.races++;
  if (decisions.length > 1 && winners.length === 1) persons.racesWonByOne++;
  if (winners.length > 1) trial.problem(`${winners.length} persons decided with one token`);
  if (winner[0] === compensated[0]) trial.expected = 'compensated';
  if (winner[0] === compensated[0]) persons.compensated++;
  else if (winner[0] === notCommitted[0]) persons.notCommitted++;
  else persons.committed++;
}

/**
 * Somebody looks as soon as the worker is dead, does not find the effect, and says so: at once, or after a cup of coffee.
 * Neither may count.
 */
async function denyTooEarly(trial: Trial, isSlow: boolean): Promise<void> {
  const { stage, intent, account } = trial;
  const { token, leaseRemainingMs, graceMs } = await stage.operator.show(intent, true);
  if (leaseRemainingMs + graceMs <= 0 || account.find()) return; // it was not too early
  if (isSlow) await untilConclusive(trial);
  const { code } = await stage.operator.resolve(intent, token, ...notCommitted);
  if (code === 0) trial.problem('"not committed" was accepted from somebody who had looked too early');
  else if (isSlow) persons.refusedStale++;
  else persons.refusedEarly++;
}

const byHand =
  (choose: Choose, n: number) =>
  async (trial: Trial): Promise<void> => {
    if (n % 4 < 2) await denyTooEarly(trial, n % 4 === 1);
    await trial.stage.operator.whenListed(trial.intent, 'unknown');
    trial.isListed = true;
    await decide(trial, choose);
  };

/** What persons do, in turn. Every sixth time two of them do different things with the same token. */
const choices: readonly Choose[] = [
  (found) => [committedAs(found)],
  () => [compensated],
  (found) => [committedAs(found), compensated],
];

/** No probe, and the history knows nothing: a person decides. Every third one has not happened. */
export function held(n: number): Scenario {
  const fate = n % 3 === 2 ? 'lost' : 'done';
  const choose = choices[Math.floor(n / 2) % choices.length] ?? ((found) => [committedAs(found)]);
  return { row: 'hold', terms: 'held', fate, afterKill: byHand(choose, n) };
}

export const probed: Scenario = { row: 'probe', terms: 'probed', fate: 'done' };
export const probedOnTheWire: Scenario = { row: 'probe, on the wire', terms: 'probed', fate: 'on-the-wire' };
export const probedLost: Scenario = { row: 'probe, lost', terms: 'probed', fate: 'lost' };

/**
 * A worker writes the receipt before it reports to Temporal, so the history knows more only if the receipt could not be
 * written: here the database refuses every settlement of the first worker, which then reports its result all the same,
 * and is killed once Temporal has it.
 */
export const ofHistory: Scenario = { row: 'history', terms: 'held', fate: 'answered' };

/** Waits until the lease and the grace time of the dead worker are over. */
export async function untilConclusive(trial: Trial): Promise<void> {
  for (let look = 0; look < mostLooks; look++) {
    const receipt = await trial.receipt();
    if (receipt && isUnresolved(receipt) && receipt.leaseRemainingMs + receipt.graceMs < 0) return;
    await delay(lookEveryMs);
  }
  throw new Error('its grace time was never over');
}
