/** Rows as the statements give them. */
import { receiptStates } from '../../core';
import type {
  ClaimRequest,
  Evidence,
  FinalityTerms,
  Origin,
  Outcome,
  OutstandingCounts,
  PolicyName,
  Receipt,
  ReceiptState,
  ReceiptStats,
  Verdict,
} from '../../core';
import type { Row } from './driver';
import type { WholeSettlement } from './parameters';

/** What `columns` selects, in its order. */
type Columns = readonly [
  key: string,
  namespace: string,
  requestId: string,
  action: string,
  fingerprint: string,
  state: ReceiptState,
  policy: PolicyName,
  token: string,
  epoch: number,
  doubt: boolean,
  transactional: boolean,
  graceMs: number,
  leaseRemainingMs: number,
  ageMs: number,
  claimedAt: string,
  settledAt: string | null,
  outcomeFormat: string | null,
  origin: Origin,
  contested: boolean,
  finality: FinalityTerms | null,
  finalAt: string | null,
];

/** The receipt in a row of `columns`. */
export function receiptOf(row: Row): Receipt {
  const of = JSON.parse(row['receipt'] as string) as Columns;
  return {
    key: of[0],
    namespace: of[1],
    requestId: of[2],
    action: of[3],
    fingerprint: of[4],
    state: of[5],
    policy: of[6],
    token: of[7],
    epoch: of[8],
    doubt: of[9],
    transactional: of[10],
    leaseRemainingMs: of[12],
    graceMs: of[11],
    ageMs: of[13],
    claimedAt: isoOf(of[14]),
    settledAt: of[15] === null ? undefined : isoOf(of[15]),
    outcome: outcomeOf(of[16], row),
    origin: of[17],
    contested: of[18],
    finality: of[19] ?? undefined,
    finalAt: of[20] === null ? undefined : isoOf(of[20]),
  };
}

/** `undefined` also where it was left out. */
const outcomeOf = (format: unknown, row: Row): Outcome | undefined =>
  typeof format === 'string' && row['outcome'] ? { format, bytes: row['outcome'] as Uint8Array } : undefined;

/** The answer to a claim: its new row, of which its claimer knows the most, or the row that was there. */
export function claimedOf(row: Row, namespace: string, request: ClaimRequest): Receipt {
  if (typeof row['receipt'] === 'string') return receiptOf(row);
  const claimedAt = isoOf(Number(row['claimed_ms']));
  // Counted from before it was asked for, the lease is never longer than it is.
  return newReceipt(namespace, request, row['state'] as ReceiptState, claimedAt, request.leaseMs);
}

/** A receipt that was just settled. */
export function settledOf(namespace: string, settlement: WholeSettlement, settledMs: unknown): Receipt {
  const { claim, state, epoch, outcome } = settlement;
  const receipt = newReceipt(namespace, claim.request, state, claim.claimedAt, 0);
  return { ...receipt, epoch, outcome, settledAt: isoOf(Number(settledMs)) };
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
let last: { at: number | string | undefined; iso: string } = { at: undefined, iso: '' };

/** Of milliseconds since 1970, or of a time as Postgres writes it in JSON, whatever the time zone of the session. */
function isoOf(at: number | string): string {
  if (at !== last.at) last = { at, iso: new Date(at).toISOString() };
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
  outcome: outcomeOf(row['outcome_format'], row),
});

const sumOf = (rows: readonly Row[], column: string): number =>
  rows.reduce((all, row) => all + Number(row[column]), 0);

/** The counts of what needs somebody, over all rows. */
export function outstandingOf(counted: readonly Row[]): OutstandingCounts {
  const oldest = Math.max(...counted.map((row) => Number(row['oldest_ms'])));
  return {
    unresolved: sumOf(counted, 'unresolved'),
    oldestUnresolvedMs: oldest > 0 ? oldest : undefined,
    contested: sumOf(counted, 'contested'),
  };
}

/** The counts of all receipts, by their states, and of their evidence. */
export function statsOf(counted: readonly Row[], evidence: readonly Row[]): ReceiptStats {
  const count = (state: ReceiptState): number =>
    sumOf(
      counted.filter((row) => row['state'] === state),
      'count',
    );
  return {
    states: Object.fromEntries(receiptStates.map((state) => [state, count(state)])) as ReceiptStats['states'],
    ...outstandingOf(counted),
    evidence: evidence.map((row) => ({
      source: row['source'] as string,
      verdict: row['verdict'] as Verdict,
      count: Number(row['count']),
    })),
  };
}
