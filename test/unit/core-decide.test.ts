import {
  decide,
  governingPolicy,
  NotCommittedError,
  RejectedError,
  type PolicyName,
  type Receipt,
  type ReceiptState,
} from '../../src/core';
import { classifyError } from '../../src/core/policy';

const receipt = (
  state: ReceiptState,
  leaseRemainingMs: number,
  token: string,
  more: Partial<Receipt> = {},
): Receipt => ({
  ...{
    key: 'k',
    namespace: 'default',
    requestId: 'id',
    action: 'a',
    fingerprint: 'same',
    state,
    policy: 'hold',
  },
  ...{ token, epoch: 3, doubt: false, leaseRemainingMs, ageMs: 0, claimedAt: '', settledAt: undefined },
  ...{ outcome: undefined, origin: {}, transactional: false, graceMs: 0 },
  ...{ contested: false, finality: undefined, finalAt: undefined },
  ...more,
});

const claimant = { token: 'mine', action: 'a', fingerprint: 'same', wantsNext: false };

describe('the answer to a claim', () => {
  // [state, lease, own token, other token]
  const rows: readonly [ReceiptState, 'stands' | 'over', string, string][] = [
    ['claimed', 'stands', 'claimed', 'in-flight'],
    ['claimed', 'over', 'own-claim-lapsed', 'unknown'],
    ['unknown', 'stands', 'unknown', 'unknown'],
    ['unknown', 'over', 'unknown', 'unknown'],
    ['released', 'stands', 'released', 'released'],
    ['released', 'over', 'released', 'released'],
    ['committed', 'stands', 'replay', 'replay'],
    ['committed', 'over', 'replay', 'replay'],
    ['rejected', 'stands', 'replay', 'replay'],
    ['rejected', 'over', 'replay', 'replay'],
    ['delegated', 'stands', 'in-flight', 'in-flight'],
    ['delegated', 'over', 'in-flight', 'in-flight'],
    ['pruned', 'over', 'pruned', 'pruned'],
  ];

  it.each(rows)(
    'on a %s row whose lease %s is %s to its own token and %s to another',
    (state, lease, own, other) => {
      for (const remaining of lease === 'stands' ? [0.001, 30_000] : [0, -1]) {
        expect(decide(receipt(state, remaining, 'mine'), claimant)).toBe(own);
        expect(decide(receipt(state, remaining, 'theirs'), claimant)).toBe(other);
      }
    },
  );

  // Mutations: a lapsed transaction as unknown; one in doubt as free.
  it.each([
    ['a transaction', { transactional: true }, 'released'],
    ['a transaction over an unknown attempt', { transactional: true, doubt: true }, 'unknown'],
  ])('on %s whose lease is over is what the receipt proves', (_what, more, expected) => {
    expect(decide(receipt('claimed', 0, 'theirs', more), claimant)).toBe(expected);
    expect(decide(receipt('claimed', 1, 'theirs', more), claimant)).toBe('in-flight');
    expect(decide(receipt('unknown', 0, 'theirs', more), claimant)).toBe('unknown');
  });

  // Mutation: a generation that counts over a committed row, or over one that is not settled.
  it.each<[ReceiptState, string]>([
    ['rejected', 'next-generation'],
    ['superseded', 'next-generation'],
    ['committed', 'replay'],
    ['claimed', 'in-flight'],
    ['delegated', 'in-flight'],
    ['unknown', 'unknown'],
    ['released', 'released'],
    ['pruned', 'pruned'],
  ])('on a %s row is %s to who wants the next generation', (state, expected) => {
    expect(decide(receipt(state, 1, 'theirs'), { ...claimant, wantsNext: true })).toBe(expected);
  });

  it('of a superseded row is the next generation to everybody, but with another payload only to who asks for it', () => {
    const row = receipt('superseded', 0, 'theirs');
    const other = { ...claimant, fingerprint: 'other' };
    expect(decide(row, claimant)).toBe('next-generation');
    expect([decide(row, other), decide(row, { ...other, wantsNext: true })]).toEqual([
      'reused',
      'next-generation',
    ]);
    expect(decide(row, { ...claimant, action: 'other' })).toBe('reused');
  });

  // Mutation: looking at the state first, or excepting the own token or released rows, fails here.
  it.each(rows)(
    'on a %s row whose lease %s is "reused" to another payload, whoever holds it',
    (state, lease) => {
      for (const token of ['mine', 'theirs']) {
        const row = receipt(state, lease === 'stands' ? 1 : 0, token);
        expect(decide(row, { ...claimant, fingerprint: 'other' })).toBe('reused');
        expect(decide(row, { ...claimant, action: 'other' })).toBe('reused');
      }
    },
  );
});

describe('the policy that governs', () => {
  // Mutation: taking the caller's policy, or the looser one, fails here.
  it.each<[PolicyName, Record<PolicyName, PolicyName>]>([
    ['hold', { hold: 'hold', fail: 'hold', ask: 'hold', probe: 'hold', retry: 'hold' }],
    ['fail', { hold: 'hold', fail: 'fail', ask: 'fail', probe: 'fail', retry: 'fail' }],
    ['ask', { hold: 'hold', fail: 'fail', ask: 'ask', probe: 'ask', retry: 'ask' }],
    // A caller without a probe cannot ask: it holds.
    ['probe', { hold: 'hold', fail: 'fail', ask: 'ask', probe: 'probe', retry: 'hold' }],
    ['retry', { hold: 'hold', fail: 'fail', ask: 'ask', probe: 'probe', retry: 'retry' }],
  ])('over a row claimed under %s is never looser than either side', (stored, byCaller) => {
    for (const [mine, governs] of Object.entries(byCaller)) {
      expect([mine, governingPolicy(stored, mine as PolicyName)]).toEqual([mine, governs]);
    }
  });
});

describe('what an error means', () => {
  it.each([
    ['a refused connection', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    ['an HTTP 404', Object.assign(new Error('x'), { status: 404 })],
    ['a non-retryable failure', Object.assign(new Error('x'), { nonRetryable: true, type: 'Declined' })],
    ['a failure that only has the name', Object.assign(new Error('x'), { name: 'NotCommittedError' })],
    ['something that is no error', 'rejected'],
    ['nothing', undefined],
  ])('is never guessed from its shape: %s is unknown', (_name, thrown) => {
    expect(classifyError(thrown)).toBe('unknown');
  });

  it('is said by the two errors made for it, their subclasses too', () => {
    class Declined extends RejectedError {}
    expect(classifyError(new NotCommittedError('x'))).toBe('not-committed');
    expect(classifyError(new RejectedError('x'))).toBe('rejected');
    expect(classifyError(new Declined('x'))).toBe('rejected');
  });

  it('is decided by classify, except for the two errors that say it themselves', () => {
    const classify = () => 'not-committed' as const;
    expect(classifyError(new Error('x'), classify)).toBe('not-committed');
    expect(classifyError(new RejectedError('x'), classify)).toBe('rejected');
    expect(classifyError(new Error('x'), () => undefined)).toBe('unknown');
  });

  // Mutations: a classifier's failure, or any answer of it, taken for one that means something.
  it('is unknown where classify fails, or says what it cannot say', () => {
    const failing = (): never => {
      throw new Error('a bug in classify');
    };
    expect(classifyError(new Error('x'), failing)).toBe('unknown');
    for (const answer of ['committed', 'released', true, {}])
      expect(classifyError(new Error('x'), () => answer as 'rejected')).toBe('unknown');
  });
});
