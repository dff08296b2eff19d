/** Mutations of claims for effects that run elsewhere. */
import { inFile } from './mutation';

export const claims = [
  ...inFile(
    'src/claims/claims.ts',
    ['unit/claims'],
    [
      [
        4,
        'evidence on file settles what is unknown',
        "if (weighed !== 'committed' && weighed !== 'not-committed') return false;",
        'return false;',
      ],
      [
        5,
        'a fingerprint counts in place of the payload',
        'fingerprint === undefined ? payload : checkedContent(action, fingerprint)',
        'payload ?? checkedContent(action, fingerprint)',
      ],
    ],
  ),
  ...inFile(
    'src/claims/holding.ts',
    ['unit/claims'],
    [
      [
        6,
        'a token that never held a claim settles nothing',
        'receipt.token === token ? receipt.epoch',
        "receipt.token !== '' ? receipt.epoch",
      ],
      [
        3,
        'that nothing happened counts within the lease only',
        'epoch === receipt.epoch && !isUnresolved(receipt)',
        'epoch === receipt.epoch',
      ],
      [
        1,
        'a holder that does not know lets others know at once',
        "outcome === 'unknown' ? receipts.markUnknown(claim) : receipts.release(claim),",
        "outcome === 'unknown' ? Promise.resolve(false) : receipts.release(claim),",
      ],
      [
        5,
        'a claim is renewed only where it still stands',
        'if (standing.has(token)) return',
        'if (standing) return',
      ],
      [
        5,
        'a lapsed claim is told as unknown to who would renew it',
        "if (state !== 'unknown') return",
        'return',
      ],
    ],
  ),
  ...inFile(
    'src/claims/reading.ts',
    ['unit/claims'],
    [
      [
        4,
        'a lapsed claim is told as unknown',
        "isUnresolved(receipt) ? 'unknown' : receipt.state",
        'receipt.state',
      ],
    ],
  ),
  ...inFile(
    'src/claims/asking.ts',
    ['unit/claims'],
    [[8, 'a claim whose answer is lost is given back', 'void giveBack(receipts, claim);', 'void giveBack;']],
  ),
];
