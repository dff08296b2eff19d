/** The answer to a claim, as a pure function of the row that is there. */
import type { Receipt } from './receipt';

/** One of the answers a claim can get. */
export type ClaimAnswer =
  /** The row is ours: run the effect. */
  | 'claimed'
  /** Ours, but the lease ran out before the effect was started: give it back and claim anew. */
  | 'own-claim-lapsed'
  /** Settled: give the stored outcome. */
  | 'replay'
  /** Somebody holds it. */
  | 'in-flight'
  /** Nothing happened: claimable again. */
  | 'released'
  /** It may or may not have happened. */
  | 'unknown'
  /** The id belongs to another action or payload. */
  | 'reused';

/** Which answer the row `receipt` gives to a claimer with this token and fingerprint. */
export function decide(
  receipt: Receipt,
  request: { readonly token: string; readonly fingerprint: string },
): ClaimAnswer {
  if (receipt.fingerprint !== request.fingerprint) return 'reused';
  switch (receipt.state) {
    case 'committed':
    case 'rejected':
      return 'replay';
    case 'released':
      return 'released';
    case 'unknown':
      return 'unknown';
    case 'claimed': {
      const stands = receipt.leaseRemainingMs > 0;
      if (receipt.token === request.token) return stands ? 'claimed' : 'own-claim-lapsed';
      return stands ? 'in-flight' : 'unknown';
    }
    default:
      return receipt.state satisfies never;
  }
}
