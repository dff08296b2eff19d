/** Rows as the statements give them, and parameters as they take them. */
import type { Evidence, FinalityTerms, Outcome, Receipt, ReceiptState, Verdict } from '../../core';
import type { Row } from './driver';

/** An array of uuids or names as Postgres reads it; neither needs quotes. */
export const arrayOf = (items: readonly string[]): string => `{${items.join(',')}}`;

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

export const termsText = (finality: FinalityTerms | undefined): string | null =>
  finality === undefined ? null : JSON.stringify(finality);

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
