/** A receipt as people see it: outcomes are payloads, so only their kind and size; the claim's own token is its holder's. */
import { createHash } from 'node:crypto';

import {
  isUnresolved,
  receiptStates,
  type Evidence,
  type ListFilter,
  type Outcome,
  type Receipt,
} from '../core';
import type { Found } from './decisions';
import type { Unsigned } from './signed';

/** The state as people see it. */
export const stateOf = (receipt: Receipt): string =>
  receipt.contested ? 'contested' : isUnresolved(receipt) ? 'unknown' : receipt.state;

/** The states by which people pick receipts. */
export const shownStates = [...receiptStates, 'contested'] as const;

/** Which receipts they are: unknown is also what a dead holder left claimed; contested is no state of its own. */
export function stateFilter(state: (typeof shownStates)[number] | undefined): ListFilter {
  if (state === undefined) return {};
  if (state === 'contested') return { contested: true };
  return state === 'unknown' ? { unresolved: true } : { states: [state] };
}

const sizeOf = (outcome: Outcome | undefined) =>
  outcome && { format: outcome.format, bytes: outcome.bytes.length };

/** A receipt as JSON. */
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

/** A piece of evidence as JSON. */
export const shownEvidence = ({ ageMs: _age, outcome, ...rest }: Evidence): Record<string, unknown> => ({
  ...rest,
  outcome: sizeOf(outcome),
});

const fingerprinted = (outcome: Outcome | undefined) =>
  outcome && { ...sizeOf(outcome), sha256: createHash('sha256').update(outcome.bytes).digest('hex') };

/** A receipt with its evidence as a document to be signed: what holds at that moment, and nothing that passes. */
export function receiptDocument({ receipt, evidence }: Found): Unsigned {
  const { leaseRemainingMs: _lease, ageMs: _age, ...facts } = shown(receipt);
  return {
    type: 'activity-guard/receipt',
    receipt: { ...facts, outcome: fingerprinted(receipt.outcome) },
    evidence: evidence.map((said) => ({ ...shownEvidence(said), outcome: fingerprinted(said.outcome) })),
  };
}

/** Where Temporal's web page shows the workflow that claimed; `undefined` where there is none, or no page is known. */
export function workflowLink(
  { temporalNamespace, workflowId, runId }: Receipt['origin'],
  ui: string | undefined,
): string | undefined {
  if (workflowId === undefined || temporalNamespace === undefined || !ui) return undefined;
  const path = [temporalNamespace, 'workflows', workflowId, ...(runId === undefined ? [] : [runId])];
  return `${ui.replace(/\/+$/, '')}/namespaces/${path.map(encodeURIComponent).join('/')}`;
}
