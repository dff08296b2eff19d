/** The answer to a claim, as a pure function of the row that is there. */
import { isFree, isUnresolved, type Receipt } from './receipt';

/** One of the answers a claim can get. */
export type ClaimAnswer =
  /** The row is ours: run the effect. */
  | 'claimed'
  /** Ours, but the lease ran out before the effect was started: give it back and claim anew. */
  | 'own-claim-lapsed'
  /** Settled: give the stored outcome. */
  | 'replay'
  /** A rejected or superseded one, and there is a next generation to ask for. */
  | 'next-generation'
  /** Settled long ago; what became of it is no longer kept. */
  | 'pruned'
  /** Somebody holds it. */
  | 'in-flight'
  /** Nothing happened: claimable again. */
  | 'released'
  /** It may or may not have happened. */
  | 'unknown'
  /** The id belongs to another action or payload. */
  | 'reused';

/** What decides between the answers, of the call that asks. */
export interface Claimant {
  readonly token: string;
  readonly action: string;
  readonly fingerprint: string;
  /** The caller asks for a later generation of the intent, should this one be rejected. */
  readonly wantsNext: boolean;
}

/** Which answer the row `receipt` gives to a claimer. */
export function decide(receipt: Receipt, claimant: Claimant): ClaimAnswer {
  if (receipt.action !== claimant.action) return 'reused';
  const isClosed = receipt.state === 'rejected' || receipt.state === 'superseded';
  // A generation that is asked for is an intent of its own, and may have another payload.
  if (isClosed && claimant.wantsNext) return 'next-generation';
  if (receipt.fingerprint !== claimant.fingerprint) return 'reused';
  switch (receipt.state) {
    case 'committed':
    case 'rejected':
      return 'replay';
    case 'superseded':
      return 'next-generation';
    case 'pruned':
      return 'pruned';
    case 'released':
      return 'released';
    case 'unknown':
      return 'unknown';
    case 'delegated':
      return 'in-flight';
    case 'claimed':
      return decideClaimed(receipt, claimant.token);
    default:
      return receipt.state satisfies never;
  }
}

function decideClaimed(receipt: Receipt, token: string): ClaimAnswer {
  const stands = receipt.leaseRemainingMs > 0;
  if (receipt.token === token) return stands ? 'claimed' : 'own-claim-lapsed';
  if (isFree(receipt)) return 'released';
  return isUnresolved(receipt) ? 'unknown' : 'in-flight';
}
