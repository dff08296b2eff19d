/** What a person sees of one receipt on the command line, and decides. */
import { userInfo } from 'node:os';

import type { Evidence, Outcome, Receipt } from '../core';
import {
  find,
  isOpen,
  readToken,
  resolve as decide,
  resultOf,
  shown,
  shownEvidence,
  stateOf,
  supersede as letHappenAgain,
  textOf,
  tokenOf,
  wake,
  workflowLink,
  type Decider,
  type Found,
} from '../operator';
import type { PostgresReceipts } from '../stores/pg';
import type { Invocation } from './options';
import { UsageError } from './usage-error';

type Print = (line: string) => void;

const complain = (text: string): void => void process.stderr.write(`activity-guard: ${text}\n`);

async function foundOrTold(receipts: PostgresReceipts, requestId: string): Promise<Found | undefined> {
  const found = await find(receipts, requestId);
  if (!found) complain(`no receipt has request id ${requestId} in namespace ${receipts.namespace}`);
  return found;
}

/** The whole of a receipt: who, what, when, every earlier attempt and every piece of evidence. @returns whether there is one */
export async function show(
  receipts: PostgresReceipts,
  { requestId, values }: Invocation,
  print: Print,
): Promise<boolean> {
  const found = await foundOrTold(receipts, requestId);
  if (!found) return false;
  const { receipt, evidence } = found;
  if (values.json)
    print(
      JSON.stringify({ ...shown(receipt), evidence: evidence.map(shownEvidence), token: tokenOf(found) }),
    );
  else linesOf(found, values.ui).forEach(print);
  return true;
}

function linesOf(found: Found, ui = process.env['TEMPORAL_UI_URL']): string[] {
  const { receipt, evidence } = found;
  const { origin } = receipt;
  const facts: [string, string | undefined][] = [
    ['state', `${stateOf(receipt)} (policy ${receipt.policy}, attempt ${receipt.epoch})`],
    ['action', receipt.action],
    ['claimed', `${receipt.claimedAt}, ${Math.round(receipt.ageMs / 1000)} s ago`],
    ['settled', receipt.settledAt],
    ['final', receipt.finality && (receipt.finalAt ?? `not yet: ${JSON.stringify(receipt.finality)}`)],
    ['lease', receipt.state === 'claimed' || receipt.state === 'unknown' ? leaseText(receipt) : undefined],
    ['outcome', receipt.outcome && `${receipt.outcome.format}, ${receipt.outcome.bytes.length} bytes`],
    ...Object.entries(origin).map(([name, value]): [string, string] => [name, value]),
    ['workflow', workflowLink(origin, ui)],
  ];
  return [
    receipt.requestId,
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(18)} ${value}`])),
    evidence.length === 0 ? '  no evidence' : '  evidence',
    ...evidence.map((said) => `    ${lineOf(said)}`),
    `  ${'token'.padEnd(18)} ${tokenOf(found)}`,
    ...(isOpen(found) ? [`\n${howToResolve(found)}`] : []),
  ];
}

const leaseText = ({ leaseRemainingMs, graceMs }: Receipt): string => {
  const openMs = leaseRemainingMs + graceMs;
  return openMs > 0
    ? `with its grace time over in ${Math.ceil(openMs / 1000)} s: until then it may still arrive`
    : 'over, and its grace time too';
};

function lineOf({ at, source, verdict, epoch, by, note, late, outcome }: Evidence): string {
  const who = by === undefined ? source : `${source} ${by}`;
  const more = [
    ...(outcome ? [`with a result of ${outcome.bytes.length} bytes`] : []),
    ...(late ? ['too late: the outcome was final'] : []),
    ...(note === undefined ? [] : [note]),
  ];
  return [at, who, verdict, `(attempt ${epoch})`, ...more].join('  ');
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const howToResolve = (found: Found): string =>
  `Look it up at the provider, then say what you found:
  activity-guard resolve ${quoted(found.receipt.requestId)} --token ${tokenOf(found)} --reason TEXT --committed --result JSON
      or, in place of --committed: --not-committed (it runs again), --compensated (it happened and was undone)`;

/** Says what became of an outcome. @returns whether it counts */
export async function resolve(
  receipts: PostgresReceipts,
  { requestId, values }: Invocation,
  print: Print,
): Promise<boolean> {
  const outcome = outcomeIn(values.result);
  const decider = deciderOf('resolve', values);
  const verdict = values.committed ? 'committed' : values.compensated ? 'compensated' : 'not-committed';
  const found = await foundOrTold(receipts, requestId);
  if (!found) return false;
  const decided = await decide(receipts, found, verdict, { ...decider, outcome });
  const { state } = decided.now.receipt;
  const woken = decided.done ? await wake(found.receipt, values) : 'none';
  if (values.json)
    print(JSON.stringify({ requestId, resolved: decided.done, state, token: tokenOf(decided.now), woken }));
  else if (decided.done) print(`${requestId} is now ${state}.${textOf(woken)}`);
  else complain(`${requestId} was not resolved: ${decided.why}`);
  return decided.done;
}

/** Lets a settled intent happen once more. @returns whether it may */
export async function supersede(
  receipts: PostgresReceipts,
  { requestId, values }: Invocation,
  print: Print,
): Promise<boolean> {
  const decider = deciderOf('supersede', values);
  const found = await foundOrTold(receipts, requestId);
  if (!found) return false;
  const decided = await letHappenAgain(receipts, found, decider);
  const woken = decided.done ? await wake(found.receipt, values) : 'none';
  if (values.json) print(JSON.stringify({ requestId, superseded: decided.done, woken }));
  else if (decided.done)
    print(
      `${requestId} was ${decider.token.seen.state}; the next call starts a new generation.${textOf(woken)}`,
    );
  else complain(`${requestId} was not superseded: ${decided.why}`);
  return decided.done;
}

function deciderOf(command: string, { token, by, reason }: Invocation['values']): Decider {
  const seen = readToken(token);
  if (!seen)
    throw new UsageError(
      `${command} takes --token, as \`activity-guard show\` prints it: it says what you have seen, so that nobody decides on something else`,
    );
  return { token: seen, by: nameOf(by), reason };
}

function nameOf(by: string | undefined): string | undefined {
  try {
    return by ?? userInfo().username;
  } catch {
    return undefined; // a container's user without a name
  }
}

function outcomeIn(text: string | undefined): Outcome | undefined {
  const outcome = text === undefined ? undefined : resultOf(text);
  if (text !== undefined && !outcome) throw new UsageError('--result is not JSON');
  return outcome;
}
