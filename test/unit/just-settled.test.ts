/** Receipts that are kept here for a moment: how many, and for how long. */
import { JustSettled } from '../../src/stores/postgres/just-settled';
import type { WholeSettlement } from '../../src/stores/postgres/parameters';
import { systemClock } from '../../src/system-clock';
import { newId, outcomeOf, requestFor } from '../contract/rows';

const settlement = (): WholeSettlement => {
  const request = requestFor(newId());
  const outcome = outcomeOf('kept');
  const claim = { request, claimedAt: '2030-01-01T00:00:00.000Z' };
  return { ...request, epoch: 1, state: 'committed', outcome, claim };
};
const now = 1_900_000_000_000;
afterEach(() => jest.restoreAllMocks());

describe('what was settled here', () => {
  it('is kept for a second', () => {
    const clock = jest.spyOn(systemClock, 'monotonic').mockReturnValue(5000);
    const kept = new JustSettled('default');
    const own = settlement();
    kept.keep(own, now);
    clock.mockReturnValue(5999);
    expect(kept.find(own.key)).toMatchObject({ key: own.key, settledAt: new Date(now).toISOString() });
    clock.mockReturnValue(6000);
    expect(kept.find(own.key)).toBeUndefined();
  });

  it('has the time of its own settlement', () => {
    const kept = new JustSettled('default');
    const [one, two] = [settlement(), settlement()];
    kept.keep(one, now);
    kept.keep(two, now + 1);
    expect([one, two].map(({ key }) => Date.parse(kept.find(key)?.settledAt ?? ''))).toEqual([now, now + 1]);
  });

  it('makes room for what comes after it', () => {
    const kept = new JustSettled('default');
    for (let i = 0; i <= 1000; i++) kept.keep({ ...settlement(), key: `key ${i}` }, now);
    expect(['key 0', 'key 1', 'key 1000'].map((key) => kept.find(key) !== undefined)).toEqual([
      false,
      true,
      true,
    ]);
  });
});
