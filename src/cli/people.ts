/** What a person sees of one receipt, and decides. */
import { userInfo } from 'node:os';

import {
  isTooEarly,
  isUnresolved,
  operatorSource,
  receiptStates,
  type Evidence,
  type Outcome,
  type Receipt,
} from '../core';
import { hashOfWrittenId, receiptKey } from '../ids';
import type { PostgresReceipts } from '../stores/pg';
import type { Invocation } from './options';
import { UsageError } from './usage-error';
import { textOf, wake } from './wake';

type Found = NonNullable<Awaited<ReturnType<PostgresReceipts['get']>>>;
type Print = (line: string) => void;

const complain = (text: string): void => void process.stderr.write(`activity-guard: ${text}\n`);

/** The state as people see it. */
export const stateOf = (receipt: Receipt): string =>
  receipt.contested ? 'contested' : isUnresolved(receipt) ? 'unknown' : receipt.state;

const sizeOf = (outcome: Outcome | undefined) =>
  outcome && { format: outcome.format, bytes: outcome.bytes.length };

/** A receipt as it is shown: outcomes are payloads, so only their kind and size; the claim's own token is its holder's. */
export function shown({
  outcome,
  leaseRemainingMs,
  ageMs,
  token: _token,
  ...rest
}: Receipt): Record<string, unknown> {
  return {
    ...rest,
    unresolved: isUnresolved({ ...rest, leaseRemainingMs }),
    leaseRemainingMs: Math.round(leaseRemainingMs),
    ageMs: Math.round(ageMs),
    outcome: sizeOf(outcome),
  };
}

export async function find(receipts: PostgresReceipts, requestId: string): Promise<Found | undefined> {
  const found = await receipts.get(receiptKey(receipts.namespace, hashOfWrittenId(requestId)));
  if (!found) complain(`no receipt has request id ${requestId} in namespace ${receipts.namespace}`);
  return found;
}

const early = '.early';

/**
 * What was seen, to be given back with a decision: who decides on something else is told so. And when, as far as it
 * matters: who looks the effect up afterwards and does not find it has proved nothing, however late he says so.
 */
const tokenOf = (found: Found): string => `${seenOf(found)}${isTooEarly(found.receipt) ? early : ''}`;

const seenOf = ({ receipt, evidence }: Found): string =>
  `${receipt.epoch}.${receipt.state}.${evidence.length}`;

function seenIn(token: string | undefined, command: string) {
  const [, epoch, state, evidence] = /^(\d{1,9})\.([a-z]+)\.(\d{1,9})(?:\.early)?$/.exec(token ?? '') ?? [];
  const known = receiptStates.find((name) => name === state);
  if (known === undefined)
    throw new UsageError(
      `${command} takes --token, as \`activity-guard show\` prints it: it says what you have seen, so that nobody decides on something else`,
    );
  return {
    epoch: Number(epoch),
    seen: { state: known, evidence: Number(evidence) },
    isAsSeen: (found: Found): boolean => `${epoch}.${state}.${evidence}` === seenOf(found),
    wasEarly: token?.endsWith(early) ?? false,
  };
}

/** The whole of a receipt: who, what, when, every earlier attempt and every piece of evidence. */
export function show(found: Found, { values }: Invocation, print: Print): void {
  const { receipt, evidence } = found;
  const shownEvidence = evidence.map(({ ageMs: _age, outcome, ...rest }) => ({
    ...rest,
    outcome: sizeOf(outcome),
  }));
  if (values.json) {
    print(JSON.stringify({ ...shown(receipt), evidence: shownEvidence, token: tokenOf(found) }));
    return;
  }
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
    ['workflow', linkTo(origin, values.ui)],
  ];
  print(`${receipt.requestId}`);
  for (const [name, value] of facts) if (value !== undefined) print(`  ${name.padEnd(18)} ${value}`);
  print(evidence.length === 0 ? '  no evidence' : '  evidence');
  for (const said of evidence) print(`    ${lineOf(said)}`);
  const isOpen = isUnresolved(receipt) || receipt.contested || receipt.state === 'delegated';
  print(`  ${'token'.padEnd(18)} ${tokenOf(found)}`);
  if (isOpen) print(`\n${howToResolve(found)}`);
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

function linkTo(
  { temporalNamespace, workflowId, runId }: Receipt['origin'],
  ui = process.env['TEMPORAL_UI_URL'],
): string | undefined {
  if (workflowId === undefined || temporalNamespace === undefined || !ui) return undefined;
  const path = [temporalNamespace, 'workflows', workflowId, ...(runId === undefined ? [] : [runId])];
  return `${ui.replace(/\/+$/, '')}/namespaces/${path.map(encodeURIComponent).join('/')}`;
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
  const outcome = resultOf(values.result);
  const { epoch, seen, isAsSeen, wasEarly } = seenIn(values.token, 'resolve');
  const verdict = values.committed ? 'committed' : values.compensated ? 'compensated' : 'not-committed';
  const found = await find(receipts, requestId);
  if (!found) return false;
  const { key } = found.receipt;
  const decision = { key, epoch, verdict, source: operatorSource, by: nameOf(values.by), seen } as const;
  const hasLookedEarly = verdict === 'not-committed' && wasEarly;
  // The store looks again: between the two, somebody else may decide.
  const done =
    isAsSeen(found) &&
    !hasLookedEarly &&
    (await receipts.resolve({ ...decision, note: values.reason, outcome }));
  const now = (await receipts.get(key)) ?? found;
  const woken = done ? await wake(found.receipt, values) : 'none';
  if (values.json)
    print(
      JSON.stringify({ requestId, resolved: done, state: now.receipt.state, token: tokenOf(now), woken }),
    );
  else if (done) print(`${requestId} is now ${now.receipt.state}.${textOf(woken)}`);
  else
    complain(
      `${requestId} was not resolved: ${isAsSeen(found) ? whyNot(now, verdict, hasLookedEarly) : changed(tokenOf(found))}`,
    );
  return done;
}

/** Lets a settled intent happen once more. @returns whether it may */
export async function supersede(
  receipts: PostgresReceipts,
  { requestId, values }: Invocation,
  print: Print,
): Promise<boolean> {
  const { epoch, seen, isAsSeen } = seenIn(values.token, 'supersede');
  const found = await find(receipts, requestId);
  if (!found) return false;
  const { key } = found.receipt;
  const decision = { key, epoch, state: seen.state, source: operatorSource, by: nameOf(values.by) };
  const done = await receipts.supersede({ ...decision, note: values.reason });
  const woken = done ? await wake(found.receipt, values) : 'none';
  if (values.json) print(JSON.stringify({ requestId, superseded: done, woken }));
  else if (done)
    print(`${requestId} was ${seen.state}; the next call starts a new generation.${textOf(woken)}`);
  else complain(`${requestId} was not superseded: ${whyNotSuperseded(found, isAsSeen(found))}`);
  return done;
}

function nameOf(by: string | undefined): string | undefined {
  try {
    return by ?? userInfo().username;
  } catch {
    return undefined; // a container's user without a name
  }
}

function resultOf(text: string | undefined): Outcome | undefined {
  if (text === undefined) return undefined;
  try {
    return { format: 'json', bytes: new TextEncoder().encode(JSON.stringify(JSON.parse(text))) };
  } catch {
    throw new UsageError('--result is not JSON');
  }
}

const changed = (token: string): string =>
  `it has changed since you looked at it (its token is ${token} now). Nothing was kept; look again with show.`;

function whyNotSuperseded(found: Found, isAsSeen: boolean): string {
  const { state } = found.receipt;
  if (!isAsSeen) return changed(tokenOf(found));
  if (state === 'claimed' || state === 'unknown')
    return 'somebody may still act on it; wait for its lease and grace time to end.';
  if (state === 'delegated') return 'it is being completed elsewhere; resolve it first.';
  return `it is ${state}.`;
}

function whyNot({ receipt }: Found, verdict: string, hasLookedEarly: boolean): string {
  if (receipt.state === 'claimed' && receipt.leaseRemainingMs > 0)
    return 'somebody holds it; wait for its lease to end.';
  if (isUnresolved(receipt) && verdict === 'not-committed') {
    const openMs = receipt.leaseRemainingMs + receipt.graceMs;
    return openMs > 0
      ? `until its lease and grace time are over the effect may still arrive; ask the provider again in ${Math.ceil(openMs / 1000)} s.`
      : hasLookedEarly
        ? 'when you looked, the effect could still arrive, or not be seen yet. Nothing was kept; show it again, then ask the provider again.'
        : 'there is evidence that it was committed (see show). If that is wrong, supersede it.';
  }
  return `it is ${receipt.state}; what you said is kept as evidence.`;
}
