/** What callers of claims write, checked: leases, and request ids as they were answered, also of later generations. */
import { InvalidRequestError, toMs, type Duration, type ReceiptStore } from '../core';
import { generationId, hashOfWrittenId, receiptKey, writtenIdProblem } from '../ids';

const longestLeaseMs = 24 * 60 * 60 * 1000;
const leastLeaseMs = 500;

/** How long a claim stands from now. */
export function leaseMsOf(leaseFor: Duration, requestId: string): number {
  const leaseMs = toMs('leaseFor', leaseFor);
  if (leaseMs >= leastLeaseMs && leaseMs <= longestLeaseMs) return leaseMs;
  throw new InvalidRequestError('leaseFor is half a second to a day. Nothing was done.', { requestId });
}

/** Where a generation of an intent is kept. */
export function ofGeneration(receipts: ReceiptStore, requestId: string, generation: number) {
  const requestIdHash = hashOfWrittenId(requestId);
  const own = { requestId, requestIdHash };
  const of = generation === 1 ? own : generationId(own, generation);
  return { requestId: of.requestId, key: receiptKey(receipts.namespace, of.requestIdHash) };
}

/** An id as it was answered: also that of a later generation. */
export function checkWritten(what: string, requestId: unknown): void {
  const problem = writtenIdProblem(requestId);
  if (problem !== undefined) throw new InvalidRequestError(`${what}: ${problem}. Nothing was done.`);
}
