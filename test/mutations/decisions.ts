/**
 * Mutations of the decisions: what a row answers, what an error means, what is done at an unknown outcome.
 *
 * Left out, because nothing can tell them apart from the original: taking over a released row with `fromUnknown`
 * (at one epoch a released row never becomes unknown again); the same token for the next generation (it has a row of
 * its own), nor for the claim that is made anew after an own one lapsed (the row is there then, and its take-over has a
 * fresh one); no second fence in `commit` (the receipt's statement looks at token and state itself); a probe's "no" that
 * the engine counts while the lease still stands, or before the grace time of the claim is over (the store refuses it
 * then, which a mutation of each store shows); writing a delegation once more at the hand-over (it finds itself).
 */
import { inFile } from './mutation';

export const decisions = [
  ...inFile(
    'src/core/decide.ts',
    ['unit/core-decide'],
    [
      [
        2,
        'an id of another action is reused',
        "if (receipt.action !== claimant.action) return 'reused';",
        '',
      ],
      [
        2,
        'an id with another payload is reused',
        "if (receipt.fingerprint !== claimant.fingerprint) return 'reused';",
        '',
      ],
      [
        2,
        'reused in any state, released too',
        'if (receipt.fingerprint !== claimant.fingerprint)',
        "if (receipt.fingerprint !== claimant.fingerprint && receipt.state !== 'released')",
      ],
      [
        2,
        'reused whoever holds it',
        'if (receipt.fingerprint !== claimant.fingerprint)',
        'if (receipt.fingerprint !== claimant.fingerprint && receipt.token !== claimant.token)',
      ],
      [
        1,
        'a generation counts only over a rejected or superseded one',
        'isClosed && claimant.wantsNext',
        'claimant.wantsNext',
      ],
      [
        2,
        'a superseded row with another payload leads on only who wants the next generation',
        "if (isClosed && claimant.wantsNext) return 'next-generation';",
        "if (isClosed && (claimant.wantsNext || receipt.state === 'superseded')) return 'next-generation';",
      ],
      [
        2,
        'the next generation is an intent of its own, also of another payload',
        'isClosed && claimant.wantsNext',
        'isClosed && claimant.wantsNext && receipt.fingerprint === claimant.fingerprint',
      ],
      [
        2,
        'a superseded receipt starts a new generation for everybody',
        "case 'superseded':\n      return 'next-generation';",
        "case 'superseded':\n      return 'released';",
      ],
      [1, 'a call on a tombstone fails closed', "return 'pruned';", "return 'released';"],
      [
        1,
        'at unknown, the policy decides',
        "return 'unknown';\n    case 'delegated'",
        "return 'released';\n    case 'delegated'",
      ],
      [
        1,
        'a delegated claim has no lease',
        "return 'in-flight';\n    case 'claimed'",
        "return receipt.leaseRemainingMs > 0 ? 'in-flight' : 'unknown';\n    case 'claimed'",
      ],
      [
        7,
        'another token never re-enters',
        'if (receipt.token === token) return stands',
        "if (stands) return 'claimed';\n  if (receipt.token === token) return stands",
      ],
      [
        7,
        'the same token re-enters',
        "if (receipt.token === token) return stands ? 'claimed' : 'own-claim-lapsed';",
        '',
      ],
      [
        1,
        'an own claim whose lease ran out is not held',
        "stands ? 'claimed' : 'own-claim-lapsed'",
        "'claimed'",
      ],
      [
        8,
        'a claim whose lease ran out is unknown',
        "isUnresolved(receipt) ? 'unknown' : 'in-flight'",
        "'in-flight'",
      ],
      [
        8,
        'a transactional claim whose lease ran out is released',
        "if (isFree(receipt)) return 'released';",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/core/receipt.ts',
    ['unit/core-decide'],
    [
      [
        1,
        'a transactional claim in doubt is unknown, not released',
        '=> transactional && !doubt',
        '=> transactional',
      ],
      [8, 'a lease is over at its end', 'leaseRemainingMs <= 0', 'leaseRemainingMs < 0'],
    ],
  ),
  ...inFile(
    'src/core/policy.ts',
    ['unit/core-decide'],
    [
      [1, 'the stricter policy governs', '? stored : mine;', '? mine : stored;'],
      [
        1,
        'a caller without a probe holds',
        "stricter === 'probe' && mine !== 'probe' ? 'hold' : stricter",
        'stricter',
      ],
      [
        1,
        'fail is stricter than a probe',
        "['hold', 'fail', 'ask', 'probe', 'retry']",
        "['hold', 'probe', 'fail', 'ask', 'retry']",
      ],
      [1, 'a throw never proves that nothing happened', "? answer : 'unknown'", "? answer : 'not-committed'"],
      [
        3,
        'nothing but the known classes means anything',
        "answer === 'not-committed' || answer === 'rejected' ? answer : 'unknown'",
        "(answer as ErrorClass | undefined) ?? 'unknown'",
      ],
      [1, 'a classifier that fails knows nothing', "return 'unknown'; //", "return 'not-committed'; //"],
      [
        3,
        'a RejectedError is rejected, whatever classify says',
        "if (error instanceof RejectedError) return 'rejected';",
        '',
      ],
      [
        1,
        'a NotCommittedError is not committed',
        "if (error instanceof NotCommittedError) return 'not-committed';",
        '',
      ],
    ],
  ),
  ...inFile(
    'src/core/single-request.ts',
    ['unit/single-request'],
    [
      [1, 'HTTP 409 proves nothing', '[408, 409, 425]', '[408, 425]'],
      [1, 'HTTP 5xx proves nothing', 'http < 500', 'http < 600'],
      [1, 'of several attempts all must have failed to connect', 'errors.every', 'errors.some'],
    ],
  ),
  ...inFile(
    'src/core/unknown.ts',
    ['unit/core-engine-unknown'],
    [
      [
        1,
        'hold: nothing runs',
        "return { waitMs: Infinity };\n    case 'fail'",
        "return 'take-over';\n    case 'fail'",
      ],
      [3, 'fail: the same failure, non-retryable', 'retryable: false },', 'retryable: true },'],
      [
        1,
        'retry is refused once providerKeyTtl has passed',
        'providerKeysLastMs(state, receipt) <= 0',
        'providerKeysLastMs(state, receipt) < 0',
      ],
      [
        1,
        'providerKeyTtl leaves time for what is on the wire',
        'call.providerKeyTtlMs - ageMs - call.graceMs',
        'call.providerKeyTtlMs - ageMs',
      ],
      [
        1,
        'a "no" counts only the grace time of the caller after the end of the lease',
        'Math.max(receipt.graceMs, state.call.graceMs)',
        'receipt.graceMs',
      ],
      [
        1,
        'a "no" counts from when the probe started',
        'const answer = await answerOf(state, receipt, probe);',
        "const since = state.env.clock.monotonic();\n  const answer = await answerOf(state, receipt, probe);\n  if (answer.verdict === 'not-committed' && conclusiveInMs <= state.env.clock.monotonic() - since)\n    return resolve(state, receipt, 'not-committed');",
      ],
      [
        4,
        'a "yes" of the probe counts at once',
        'const { format, bytes, passing } = await encodeResult(state, answer.result);',
        'if (conclusiveInMs > 0) return later;\n  const { format, bytes, passing } = await encodeResult(state, answer.result);',
      ],
      [
        3,
        'only the exact verdicts are an answer',
        "throw new TypeError('a probe answers committed(result), notCommitted() or undetermined()');",
        "return { verdict: 'not-committed' } as const;",
      ],
      [
        1,
        'a probe that fails is undetermined',
        "return { verdict: 'undetermined' };",
        "return { verdict: 'not-committed' };",
      ],
      [
        1,
        'a probe that does not answer is undetermined',
        "(): ProbeResult => ({ verdict: 'undetermined' })",
        "(): ProbeResult => ({ verdict: 'not-committed' })",
      ],
      [8, 'a probe keeps no call beyond its attempt', 'Promise.race([asked, late])', 'asked'],
      [
        4,
        'undetermined is asked again',
        "if (answer.verdict === 'undetermined') return later;",
        "if (answer.verdict === 'undetermined') return { waitMs: Infinity };",
      ],
    ],
  ),
];
