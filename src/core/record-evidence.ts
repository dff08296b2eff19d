/** What a source of the user's says of an outcome: webhooks, exports, another system's ledger. */
import { keyOfWrittenId, writtenIdProblem } from '../ids';
import { InvalidRequestError } from './errors';
import { ownSources } from './evidence';
import { isWholeText } from './identify';
import { jsonOutcome } from './json-outcome';
import { isProvisional, isSettled, type Outcome, type ReceiptState } from './receipt';
import type { ReceiptStore } from './store';
import { assertReceipts } from './store-checks';
import { lookForFinality, weigh } from './weigh';

/** A statement about one request id. */
export interface ReportedEvidence {
  /** As it was handed to the provider, also that of a later generation (`…~g2`). */
  readonly requestId: string;
  /** Who says it, such as `'stripe-webhook'`: a name of your own, up to 100 characters. One word per source counts, its last. */
  readonly source: string;
  readonly verdict: 'committed' | 'not-committed' | 'rejected';
  /**
   * For `'committed'`: what the effect would have returned, as JSON has it. Left out, only that it happened is known;
   * nothing runs again then, but its callers wait for a source that has the result, or for a person.
   */
  readonly result?: unknown;
  /** Why, in words, for people. Not for payloads: it is shown. */
  readonly note?: string;
}

/** What came of a statement. */
export interface EvidenceAnswer {
  /** The state of the receipt now; `'none'` where there is none yet: the statement is kept for the first claim. */
  readonly state: ReceiptState | 'none';
  /** The sources contradict each other, and the receipt waits for a person. */
  readonly contested: boolean;
  /** It came when the outcome was already final, was flagged, and changed nothing. */
  readonly late: boolean;
}

const mostCharacters = 100;

/**
 * Keeps what a source says of a request id, before, while or after it is claimed. Where all that is known then agrees,
 * an unknown outcome is settled (or released) by it; where it contradicts another source, the receipt is contested and
 * held for a person; after finality it is kept and flagged. It never changes a final receipt, and never lets an effect
 * run while any source says that it happened.
 *
 * Check who sends it first (a webhook's signature): whoever can call this can hold up an effect, or release one.
 * @throws InvalidRequestError for an id, source, verdict or result that cannot be used; nothing was kept
 */
export async function recordEvidence(
  receipts: ReceiptStore,
  evidence: ReportedEvidence,
): Promise<EvidenceAnswer> {
  assertReceipts('recordEvidence', receipts);
  const given = Object(evidence) as ReportedEvidence;
  const { requestId, source, verdict, note } = given;
  const problem = problemOf(given);
  if (problem !== undefined)
    throw new InvalidRequestError(`recordEvidence: ${problem}. Nothing was kept.`, { requestId });
  const outcome = outcomeOf(given);
  const key = keyOfWrittenId(receipts.namespace, requestId);
  const known = await receipts.get(key);
  if (!known) {
    await receipts.addEvidence({ key, epoch: 1, source, verdict, note, outcome });
    return { state: 'none', contested: false, late: false };
  }
  await weigh(receipts, known, { source, verdict, note, outcome });
  const now = (await receipts.get(key)) ?? known;
  await lookForFinality(receipts, now);
  const { state, contested } = now.receipt;
  return { state, contested, late: isSettled(known.receipt) && !isProvisional(known.receipt) };
}

function problemOf({ requestId, source, verdict, note }: ReportedEvidence): string | undefined {
  if (!isWholeText(source) || source === '' || source.length > mostCharacters)
    return `source must be a text of 1 to ${mostCharacters} characters, without NUL and lone surrogates`;
  if (note !== undefined && !isWholeText(note)) return 'note must be a text without NUL and lone surrogates';
  if (ownSources.includes(source)) return `the source '${source}' is the guard's own: take another name`;
  if (!['committed', 'not-committed', 'rejected'].includes(verdict))
    return "verdict must be 'committed', 'not-committed' or 'rejected'";
  return writtenIdProblem(requestId);
}

function outcomeOf({ requestId, verdict, result }: ReportedEvidence): Outcome | undefined {
  if (verdict !== 'committed' || result === undefined) return undefined;
  const outcome = jsonOutcome(result);
  if (outcome) return outcome;
  throw new InvalidRequestError('recordEvidence: the result is not JSON. Nothing was kept.', { requestId });
}
