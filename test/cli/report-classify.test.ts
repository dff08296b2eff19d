import type { Outcome } from '../../src/core';
import {
  categories,
  holdsBack,
  isWrong,
  judge,
  needsEvidence,
  needsSuccessor,
  type JudgedReceipt,
  type ProviderEntries,
  type Recorded,
} from '../../src/cli/report/classify';

const receiptIn = (state: JudgedReceipt['state'], more: Partial<JudgedReceipt> = {}): JudgedReceipt => ({
  ...{ requestId: 'invoice:1', action: 'charge', state, contested: false, leaseRemainingMs: 1000 },
  ...{ transactional: false, doubt: false, outcome: undefined, origin: { worker: 'w' } },
  ...more,
});
const entries = (succeeded: number, failed = 0, actions?: readonly string[]): ProviderEntries => ({
  requestId: 'invoice:1',
  ...{ succeeded, failed, lines: Array.from({ length: succeeded + failed }, (_, i) => i + 2), actions },
});
const [none, one, two, failure] = [undefined, entries(1), entries(2), entries(0, 1)];
const outcome = (format: string): Outcome => ({ format, bytes: new Uint8Array() });

const recorded = (
  state: JudgedReceipt['state'],
  more: Partial<JudgedReceipt> = {},
  about: Omit<Recorded, 'receipt'> = {},
): Recorded => ({ receipt: receiptIn(state, more), ...about });
const lapsedTransaction = { leaseRemainingMs: -1, transactional: true };

const said = (of: Recorded | undefined, at: ProviderEntries | undefined, actions = ['charge']): string =>
  judge(of, at, new Set(actions))
    .map(({ category }) => category)
    .join(' + ');

describe('a receipt and the entries of the provider', () => {
  it.each<[string, Recorded | undefined, ProviderEntries | undefined, string]>([
    ['committed, one success', recorded('committed'), one, 'confirmed'],
    ['committed, a success after a failure', recorded('committed'), entries(1, 1), 'confirmed'],
    [
      'committed, held back',
      recorded('committed', {}, { heldBack: true }),
      one,
      'confirmed + duplicateBlocked',
    ],
    ['committed, nothing', recorded('committed'), none, 'missing'],
    ['committed, a failure', recorded('committed'), failure, 'contradiction'],
    ['committed, twice', recorded('committed'), two, 'duplicate'],
    ['committed, held back, twice', recorded('committed', {}, { heldBack: true }), two, 'duplicate'],

    ['rejected, a success', recorded('rejected'), one, 'contradiction'],
    ['rejected, twice', recorded('rejected'), two, 'contradiction + duplicate'],
    ['rejected, a failure', recorded('rejected'), failure, 'notDone'],
    ['rejected, nothing', recorded('rejected'), none, 'notDone'],
    ['released, a success', recorded('released'), one, 'contradiction'],
    ['released, nothing', recorded('released'), none, 'notDone'],

    ['unknown, a success', recorded('unknown'), one, 'uncertain'],
    ['unknown, a failure', recorded('unknown'), failure, 'uncertain'],
    ['unknown, nothing', recorded('unknown'), none, 'uncertain'],
    ['unknown, twice', recorded('unknown'), two, 'uncertain + duplicate'],
    ['claimed, a success', recorded('claimed'), one, 'uncertain'],
    ['claimed, lapsed', recorded('claimed', { leaseRemainingMs: -1 }), none, 'uncertain'],
    ['delegated, nothing', recorded('delegated'), none, 'uncertain'],
    ['a transaction that lapsed, nothing', recorded('claimed', lapsedTransaction), none, 'notDone'],
    ['a transaction that lapsed, a success', recorded('claimed', lapsedTransaction), one, 'contradiction'],
    ['it, in doubt', recorded('claimed', { ...lapsedTransaction, doubt: true }), none, 'uncertain'],

    ['superseded, no successor', recorded('superseded', { outcome: outcome('json') }), one, 'contradiction'],
    [
      'superseded when settled, with a successor',
      recorded('superseded', { outcome: outcome('json') }, { hasSuccessor: true }),
      one,
      'confirmed',
    ],
    [
      'superseded when settled and pruned',
      recorded('superseded', { origin: {} }, { hasSuccessor: true }),
      one,
      'confirmed',
    ],
    ['it, twice', recorded('superseded', { origin: {} }, { hasSuccessor: true }), two, 'duplicate'],
    ['superseded when unknown', recorded('superseded', {}, { hasSuccessor: true }), one, 'contradiction'],
    [
      'superseded when rejected',
      recorded('superseded', { outcome: outcome('temporal/failure') }, { hasSuccessor: true }),
      one,
      'contradiction',
    ],
    ['superseded, nothing', recorded('superseded'), none, 'notDone'],

    ['contested, a success', recorded('unknown', { contested: true }), one, 'contradiction'],
    ['contested, nothing', recorded('unknown', { contested: true }), none, 'contradiction'],
    ['contested, twice', recorded('unknown', { contested: true }), two, 'contradiction + duplicate'],
    ['committed and contested, a success', recorded('committed', { contested: true }), one, 'contradiction'],
    ['rejected and contested, nothing', recorded('rejected', { contested: true }), none, 'contradiction'],

    ['pruned, a success', recorded('pruned'), one, 'pruned'],
    ['pruned, twice', recorded('pruned'), two, 'pruned + duplicate'],
    ['no receipt, a success', undefined, one, 'unrecorded'],
    ['no receipt, a failure', undefined, failure, 'unrecorded'],
    ['no receipt, twice', undefined, two, 'unrecorded + duplicate'],
    ['another action', recorded('committed', { action: 'refund' }), one, 'contradiction'],
    ['an action that the export names', recorded('committed'), entries(1, 0, ['charge']), 'confirmed'],
    ['another one that it names', recorded('committed'), entries(1, 0, ['refund']), 'contradiction'],
    ['two that it names', recorded('committed'), entries(1, 0, ['charge', 'refund']), 'contradiction'],
  ])('%s', (_, of, at, expected) => {
    expect(said(of, at)).toBe(expected);
  });

  it('of several actions belong together by the action that the export names', () => {
    expect(said(recorded('committed'), entries(1, 0, ['charge']), ['charge', 'refund'])).toBe('confirmed');
    expect(said(recorded('committed'), entries(1, 0, ['refund']), ['charge', 'refund'])).toBe(
      'contradiction',
    );
  });

  it('say why where that is not plain', () => {
    expect(judge(recorded('committed', { action: 'refund' }), one, new Set(['charge']))).toEqual([
      { category: 'contradiction', note: 'its receipt is of refund' },
    ]);
    expect(judge(recorded('superseded', {}, { hasSuccessor: true }), one, new Set(['charge']))).toEqual([
      { category: 'contradiction', note: expect.stringMatching(/may have done it again/) },
    ]);
  });

  it('need a look at the successor, or the evidence, only where it matters', () => {
    expect(needsSuccessor(receiptIn('superseded'), one)).toBe(true);
    expect(needsSuccessor(receiptIn('superseded'), failure)).toBe(false);
    expect(needsSuccessor(receiptIn('committed'), one)).toBe(false);
    expect(needsEvidence(receiptIn('committed'), one)).toBe(true);
    expect(needsEvidence(receiptIn('committed'), two)).toBe(false);
    expect(needsEvidence(receiptIn('unknown'), one)).toBe(false);
  });

  it('had an attempt held back only if somebody else than its late holder or its history knew of the effect', () => {
    const sources = ['probe', 'operator', 'webhook', 'late-settle', 'temporal-history'];
    expect(sources.filter((source) => holdsBack({ source, verdict: 'committed' }))).toEqual(
      sources.slice(0, 3),
    );
    expect(holdsBack({ source: 'probe', verdict: 'not-committed' })).toBe(false);
  });

  it('are wrong in five ways', () => {
    expect(categories.filter(isWrong)).toEqual([
      ...['missing', 'contradiction', 'uncertain', 'unrecorded', 'duplicate'],
    ]);
  });
});
