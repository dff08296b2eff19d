/** A short form of `npm run test:failover`, and what its verdict is made of. */
import { isGood, runFailovers } from '../../proof/failover/failover';
import type { Result } from '../../proof/failover/terms';

const quietly = { seed: 1, log: () => undefined };

describe('promotions under load', () => {
  it('lose nothing that a caller was told where commits wait for the standby', async () => {
    const result = await runFailovers({ ...quietly, promotions: 2, synchronous: true });
    expect(result).toMatchObject({ promotions: 2, lost: 0, settledLost: 0, doubled: 0, tooLittle: [] });
    expect(isGood(result)).toBe(true);
  }, 90_000);

  // Mutation: later attempts that do not say they may be older have their effects again.
  it('lose claims where they do not, and later attempts are unknown, not new', async () => {
    const result = await runFailovers({ ...quietly, promotions: 1, synchronous: false });
    expect(result).toMatchObject({ promotions: 1, doubled: 0, tooLittle: [] });
    expect([result.lost > 0, (result.afterLoss['OutcomeUnknown'] ?? 0) > 0]).toEqual([true, true]);
  }, 90_000);
});

describe('the verdict', () => {
  const good: Result = {
    ...{ mode: 'synchronous', promotions: 1, claims: 9, lost: 0, settled: 9, settledLost: 0, intents: 9 },
    ...{ effects: 9, doubled: 0, missing: 0, answers: {}, afterLoss: {}, leastClaims: 9, leastOpen: 1 },
    ...{ postgres: '18', seconds: 1, seed: 1, tooLittle: [] },
  };

  it.each<[string, Partial<Result>, boolean]>([
    ['nothing lost', {}, true],
    ['a claim lost', { lost: 1 }, false],
    ['a receipt lost', { settledLost: 1 }, false],
    ['an effect twice', { doubled: 1 }, false],
    ['an answer without its effect', { missing: 1 }, false],
    ['too little tried', { tooLittle: ['0 promotions of 1'] }, false],
    ['a claim lost where no commit waits', { mode: 'asynchronous', lost: 1, settledLost: 1 }, true],
    ['an effect twice where no commit waits', { mode: 'asynchronous', lost: 1, doubled: 1 }, false],
  ])('%s', (_what, found, verdict) => {
    expect(isGood({ ...good, ...found })).toBe(verdict);
  });
});
