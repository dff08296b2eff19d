/** `show`: the whole of a receipt, or of a workflow's effects. */
import { shellWord, spoken, type Evidence, type Receipt } from '../core';
import { hashedRequestId, hashRequestId } from '../ids';
import {
  find,
  isOpen,
  printable,
  receiptDocument,
  shown,
  shownEvidence,
  signed,
  stateOf,
  tokenOf,
  workflowLink,
  type Found,
} from '../operator';
import type { PostgresReceipts } from '../stores/pg';
import { command, parsed, text, type Common } from './definition';
import { privateKeyFrom, signingKey } from './files';
import { showWorkflow } from './show-workflow';
import { complain, stateIn, type Part } from './terminal';
import { UsageError } from './usage-error';

/** The receipt of an id; where there is none, that is told. */
export async function foundOrTold(receipts: PostgresReceipts, requestId: string): Promise<Found | undefined> {
  const found = await find(receipts, requestId);
  if (!found)
    complain(
      `no receipt has request id ${requestId} in namespace ${receipts.namespace}. See: activity-guard list; another namespace by --namespace`,
    );
  return found;
}

type Line = readonly Part[];

function linesOf(found: Found, common: Common, ui = process.env['TEMPORAL_UI_URL']): Line[] {
  const { receipt, evidence } = found;
  const { origin } = receipt;
  const state = stateOf(receipt);
  const facts: [string, Line | string | undefined][] = [
    ['state', [stateIn(state), ` (policy ${receipt.policy}, attempt ${receipt.epoch})`]],
    ['action', receipt.action],
    ['claimed', `${receipt.claimedAt}, ${spoken(receipt.ageMs)} ago`],
    ['settled', receipt.settledAt],
    ['final', receipt.finality && (receipt.finalAt ?? `not yet: ${JSON.stringify(receipt.finality)}`)],
    ['lease', receipt.state === 'claimed' || receipt.state === 'unknown' ? leaseText(receipt) : undefined],
    ['outcome', receipt.outcome && `${receipt.outcome.format}, ${receipt.outcome.bytes.length} bytes`],
    ...Object.entries(origin),
    ['workflow', workflowLink(origin, ui)],
  ];
  return [
    [receipt.requestId],
    ...facts.flatMap(([name, value]): Line[] =>
      value === undefined
        ? []
        : [[`  ${name.padEnd(18)} `, ...(typeof value === 'string' ? [value] : value)]],
    ),
    [evidence.length === 0 ? '  no evidence' : '  evidence'],
    ...evidence.map((said): Line => [`    ${lineOf(said)}`]),
    [`  ${'token'.padEnd(18)} ${tokenOf(found)}`],
    ...(isOpen(found) ? ['', ...howToResolve(found, common)].map((line): Line => [line]) : []),
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

/** The id as a shell takes it; of one that no terminal takes, its hash. */
const typeable = ({ requestId }: Receipt): string =>
  shellWord(printable(requestId) === requestId ? requestId : hashedRequestId(hashRequestId(requestId)));

function howToResolve(found: Found, { schema, namespace }: Common): string[] {
  const where = Object.entries({ schema, namespace })
    .map(([name, value]) => (value === undefined ? '' : ` --${name} ${shellWord(value)}`))
    .join('');
  return [
    'Look it up at the provider, then say what you found:',
    `  activity-guard resolve ${typeable(found.receipt)} --token ${tokenOf(found)} --reason TEXT --committed --result JSON${where}`,
    '      or, in place of --committed: --not-committed (it runs again), --compensated (it happened and was undone)',
  ];
}

/** An event of a history. */
function eventIn(value: string, name: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value))
    throw new UsageError(`${name} takes the number of an event in the workflow's history`);
  return Number(value);
}

export const show = command({
  name: 'show',
  summary: 'one receipt with its evidence, or the effects of a workflow',
  more: 'Of a receipt: who, when, every attempt and piece of evidence, a token for resolve and supersede, and what to do next. Of a workflow and its children: each effect, and what a reset would do to it.',
  argument: { name: 'request id', says: 'as it is written, or as sha256:…', isOptional: true },
  options: {
    workflow: text('ID', 'the effects of this workflow and its children'),
    run: text('RUN_ID', 'with --workflow: of this run, not of the current one'),
    'reset-to': parsed('EVENT', 'with --workflow: what a reset to that event would do to each', eventIn),
    ui: text('URL', "of Temporal's web page, for a link (TEMPORAL_UI_URL)"),
    ...signingKey,
  },
  examples: [
    "show 'invoice:42'",
    "show 'invoice:42' --key key.pem > receipt.json",
    'show --workflow order-42',
    'show --workflow order-42 --reset-to 9',
  ],
  check: ({ workflow, run, 'reset-to': resetTo, key }, requestId) => {
    if (workflow !== undefined && requestId !== '')
      throw new UsageError('show takes either a request id or --workflow');
    if (workflow === undefined && requestId === '')
      throw new UsageError('show takes one request id (or --workflow)');
    if (workflow === undefined && (run !== undefined || resetTo !== undefined))
      throw new UsageError('--run and --reset-to go with show --workflow');
    if (workflow !== undefined && key !== undefined) throw new UsageError('--key goes with a request id');
  },
  run: async ({ receipts, print, given }, { workflow, run, 'reset-to': resetTo, ui, key }, requestId) => {
    const privateKey = key === undefined ? undefined : privateKeyFrom(key);
    if (workflow !== undefined)
      return showWorkflow(receipts, { workflowId: workflow, runId: run, resetTo, json: given.json }, print);
    const found = await foundOrTold(receipts, requestId);
    if (!found) return false;
    const { receipt, evidence } = found;
    if (privateKey) await print(signed(receiptDocument(found), privateKey));
    else if (given.json)
      await print(
        JSON.stringify({ ...shown(receipt), evidence: evidence.map(shownEvidence), token: tokenOf(found) }),
      );
    else for (const line of linesOf(found, given, ui)) await print(...line);
    return true;
  },
});
