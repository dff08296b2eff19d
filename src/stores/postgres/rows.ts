/** Rows as the statements give them. */
import type {
  ClaimRequest,
  Evidence,
  FinalityTerms,
  Outcome,
  Receipt,
  ReceiptState,
  Verdict,
} from '../../core';
import type { Row } from './driver';
import type { WholeSettlement } from './parameters';

// `Number()`, because applications set type parsers of their own for whole processes.
export function receiptOf(row: Row): Receipt {
  return {
    key: row['key'] as string,
    namespace: row['namespace'] as string,
    requestId: row['request_id'] as string,
    action: row['action'] as string,
    fingerprint: row['fingerprint'] as string,
    state: row['state'] as ReceiptState,
    policy: row['policy'] as Receipt['policy'],
    token: row['token'] as string,
    epoch: Number(row['epoch']),
    doubt: row['doubt'] as boolean,
    transactional: row['transactional'] as boolean,
    leaseRemainingMs: Number(row['lease_remaining_ms']),
    graceMs: Number(row['grace_ms']),
    ageMs: Number(row['age_ms']),
    claimedAt: row['claimed_at'] as string,
    settledAt: (row['settled_at'] as string | null) ?? undefined,
    outcome: outcomeOf(row),
    origin: JSON.parse(row['origin'] as string) as Record<string, string>,
    contested: row['contested'] as boolean,
    finality:
      typeof row['finality'] === 'string' ? (JSON.parse(row['finality']) as FinalityTerms) : undefined,
    finalAt: (row['final_at'] as string | null) ?? undefined,
  };
}

function outcomeOf(row: Row): Outcome | undefined {
  const format = row['outcome_format'] as string | null;
  return format === null ? undefined : { format, bytes: row['outcome'] as Uint8Array };
}

/** The answer to a claim: its new row, of which its claimer knows the most, or the row that was there. */
export function claimedOf(row: Row, namespace: string, request: ClaimRequest): Receipt {
  const there = row['there'];
  if (typeof there === 'string') return receiptOf({ ...(JSON.parse(there) as Row), outcome: row['outcome'] });
  const claimedAt = isoOf(row['claimed_ms']);
  // Counted from before it was asked for, the lease is never longer than it is.
  return newReceipt(namespace, request, row['state'] as ReceiptState, claimedAt, request.leaseMs);
}

/** A receipt that was just settled. */
export function settledOf(namespace: string, settlement: WholeSettlement, settledMs: unknown): Receipt {
  const { claim, state, epoch, outcome } = settlement;
  const receipt = newReceipt(namespace, claim.request, state, claim.claimedAt, 0);
  return { ...receipt, epoch, outcome, settledAt: isoOf(settledMs) };
}

function newReceipt(
  namespace: string,
  request: ClaimRequest,
  state: ReceiptState,
  claimedAt: string,
  leaseRemainingMs: number,
): Receipt {
  const { key, requestId, action, fingerprint, token, policy, transactional, graceMs, origin, finality } =
    request;
  return {
    key,
    namespace,
    requestId,
    action,
    fingerprint,
    state,
    policy,
    token,
    epoch: 1,
    doubt: false,
    transactional,
    leaseRemainingMs,
    graceMs,
    ageMs: 0,
    claimedAt,
    settledAt: undefined,
    outcome: undefined,
    origin,
    contested: false,
    finality,
    finalAt: undefined,
  };
}

/** All rows of one statement were written at one time. */
let last = { ms: undefined as unknown, iso: '' };

function isoOf(ms: unknown): string {
  if (ms !== last.ms) last = { ms, iso: new Date(Number(ms)).toISOString() };
  return last.iso;
}

export const evidenceOf = (row: Row): Evidence => ({
  source: row['source'] as string,
  verdict: row['verdict'] as Verdict,
  epoch: Number(row['epoch']),
  note: (row['note'] as string | null) ?? undefined,
  at: row['at'] as string,
  ageMs: Number(row['age_ms']),
  by: (row['actor'] as string | null) ?? undefined,
  late: row['late'] as boolean,
  outcome: outcomeOf(row),
});
