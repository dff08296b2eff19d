import { finalityOf, lookForFinality, weigh, type Evidence, type Receipt, type Said } from '../../src/core';
import { judge } from '../../src/core/evidence';
import { hashRequestId, receiptKey } from '../../src/ids';
import { World } from '../support/guarding';

const outcome = { format: 'json', bytes: new TextEncoder().encode('["found"]') };

const receipt = (more: Partial<Receipt> = {}): Receipt => ({
  ...{ key: 'k', namespace: 'default', requestId: 'id', action: 'a', fingerprint: 'f', state: 'unknown' },
  ...{ policy: 'hold', token: 't', epoch: 2, doubt: false, transactional: false },
  ...{ leaseRemainingMs: -1000, graceMs: 500, ageMs: 5000, claimedAt: '', settledAt: undefined },
  ...{ outcome: undefined, origin: {}, contested: false, finality: undefined, finalAt: undefined },
  ...more,
});

const said = (source: string, verdict: Evidence['verdict'], more: Partial<Evidence> = {}): Evidence => ({
  ...{ source, verdict, epoch: 2, note: undefined, at: '', ageMs: 0, by: undefined, late: false },
  outcome: verdict === 'committed' ? outcome : undefined,
  ...more,
});
const [yes, no] = ['committed', 'not-committed'] as const;
const two = { sources: ['webhook', 'probe'], quorum: 2, afterMs: 0 };

describe('the evidence on file', () => {
  // Mutations of every rule: the last word, the epoch, the time of a "no", the quorum, and whom it counts.
  it.each<[string, string, Evidence[], Partial<Receipt>]>([
    ['nothing', 'open', [], {}],
    ['one yes', 'committed', [said('webhook', yes)], {}],
    ['a yes about an earlier claim', 'committed', [said('webhook', yes, { epoch: 1 })], {}],
    ['one no', 'not-committed', [said('webhook', no)], {}],
    ['a rejection', 'not-committed', [said('webhook', 'rejected')], {}],
    ['a no about an earlier claim', 'open', [said('webhook', no, { epoch: 1 })], {}],
    ['a no that came before the grace time was over', 'open', [said('probe', no, { ageMs: 501 })], {}],
    ['a no that came just when it was over', 'not-committed', [said('probe', no, { ageMs: 500 })], {}],
    ['a no while the claim is elsewhere', 'open', [said('probe', no)], { state: 'delegated' }],
    ['a yes and a no', 'contested', [said('webhook', yes), said('probe', no)], {}],
    ['a yes and an early no', 'contested', [said('probe', no, { ageMs: 900 }), said('webhook', yes)], {}],
    ['a yes and a no about an earlier claim', 'committed', [said('p', no, { epoch: 1 }), said('w', yes)], {}],
    ['a source that has changed its mind', 'committed', [said('probe', no), said('probe', yes)], {}],
    ['what came too late', 'open', [said('webhook', yes, { late: true })], {}],
    ['what is no answer', 'open', [said('probe', 'undetermined'), said('attempt', 'undetermined')], {}],
    ["the guard's own conclusion", 'open', [said('evidence', yes)], {}],
    ['one yes of two', 'open', [said('webhook', yes)], { finality: two }],
    ['two yes of two', 'committed', [said('webhook', yes), said('probe', yes)], { finality: two }],
    ['one said twice', 'open', [said('webhook', yes), said('webhook', yes)], { finality: two }],
    ['one that does not count', 'open', [said('webhook', yes), said('stranger', yes)], { finality: two }],
    [
      'a stranger who contradicts',
      'contested',
      [said('webhook', yes), said('stranger', no)],
      { finality: two },
    ],
    ['one no of two', 'open', [said('webhook', no)], { finality: two }],
    ['two no of two', 'not-committed', [said('webhook', no), said('probe', no)], { finality: two }],
  ])('%s is %s', (_what, kind, evidence, more) => {
    expect(judge(receipt(more), evidence).kind).toBe(kind);
  });

  it('gives the result of whoever has one', () => {
    const without = said('webhook', yes, { outcome: undefined });
    expect(judge(receipt(), [without])).toEqual({ kind: 'committed', outcome: undefined });
    expect(judge(receipt(), [without, said('probe', yes)])).toEqual({ kind: 'committed', outcome });
  });

  // Mutation: the result of a stranger, who alone would settle nothing.
  it('gives no result of a source that does not count', () => {
    const finality = { sources: ['webhook'], quorum: 1, afterMs: 0 };
    const forged = said('stranger', yes, { outcome: { format: 'json', bytes: new Uint8Array([48]) } });
    expect(judge(receipt({ finality }), [forged, said('webhook', yes)])).toEqual({
      ...{ kind: 'committed', outcome },
    });
    const without = said('webhook', yes, { outcome: undefined });
    expect(judge(receipt({ finality }), [forged, without]).kind).toBe('committed');
    expect(judge(receipt({ finality }), [forged, without])).toMatchObject({ outcome: undefined });
  });
});

describe('how final a receipt is', () => {
  const committed = (more: Partial<Receipt> = {}) => receipt({ state: 'committed', finality: two, ...more });
  it.each<[string, string, Evidence[], Receipt]>([
    ['not settled', 'open', [], receipt()],
    ['settled without terms', 'final', [said('webhook', no)], committed({ finality: undefined })],
    ['confirmed by none', 'provisional', [], committed()],
    ['confirmed by one of two', 'provisional', [said('webhook', yes)], committed()],
    ['confirmed by both', 'due', [said('webhook', yes), said('probe', yes)], committed()],
    ['contradicted', 'contested', [said('webhook', 'rejected')], committed()],
    ['contradicted by a stranger', 'provisional', [said('stranger', no)], committed()],
    ['contradicted about an earlier claim', 'provisional', [said('webhook', no, { epoch: 1 })], committed()],
    ['marked', 'contested', [], committed({ contested: true })],
    ['final', 'final', [said('webhook', no)], committed({ finalAt: 'then' })],
    [
      'rejected and confirmed',
      'due',
      [said('webhook', no), said('probe', no)],
      committed({ state: 'rejected' }),
    ],
    ['rejected and contradicted', 'contested', [said('webhook', yes)], committed({ state: 'rejected' })],
    [
      'seen by its holder',
      'due',
      [],
      committed({ finality: { sources: ['effect'], quorum: 1, afterMs: 0 } }),
    ],
  ])('%s: %s', (_what, finality, evidence, row) => {
    expect(finalityOf(row, evidence)).toBe(finality);
  });
});

describe('what a source says of a receipt', () => {
  let world: World;
  beforeEach(() => (world = new World()));
  const key = receiptKey('default', hashRequestId('order:1'));
  const known = async () => {
    const found = await world.receipts.get(key);
    if (!found) throw new Error('there is no row');
    return found;
  };
  const say = async (statement: Said) => weigh(world.receipts, await known(), statement);
  const abandoned = async (more = {}) => {
    await world.abandon(more);
    await world.clock.advance(500);
  };

  it('settles it for every caller, with the result', async () => {
    await abandoned();
    expect(await say({ source: 'webhook', verdict: 'committed', outcome })).toBe('committed');
    expect(await world.worker().ending()).toBe('found');
    expect(world.effects).toEqual([]);
  });

  it('releases it, and the next attempt runs', async () => {
    await abandoned();
    expect(await say({ source: 'webhook', verdict: 'not-committed' })).toBe('not-committed');
    expect(await world.worker().ending()).toBe('charge 1');
  });

  // Mutation: a "yes" without a result that settles, so that its callers never get one.
  it('that it happened, without a result, forbids to run it and waits for one', async () => {
    await abandoned({ onUnknown: 'retry' });
    expect(await say({ source: 'webhook', verdict: 'committed' })).toBe('kept');
    expect(await world.worker().ending({ onUnknown: 'retry' })).toBe('OutcomeUnknown');
    expect(world.effects).toEqual([]);
    expect(await say({ source: 'history', verdict: 'committed', outcome })).toBe('committed');
  });

  it('is written down once while it says the same', async () => {
    await abandoned();
    for (let i = 0; i < 3; i++) await say({ source: 'history', verdict: 'undetermined', note: 'pending' });
    expect(await world.verdicts()).toEqual(['history: undetermined (1)']);
  });

  // Mutations: a contested row that a policy, a probe or more evidence decides.
  it.each(['retry', 'hold', () => ({ verdict: 'committed', result: 1 })] as const)(
    'against what another said makes it contested, and under %s nothing runs or settles',
    async (onUnknown) => {
      await abandoned({ onUnknown });
      await say({ source: 'webhook', verdict: 'committed' });
      expect(await say({ source: 'other', verdict: 'not-committed' })).toBe('contested');
      expect(await world.worker().ending({ onUnknown } as never)).toBe('OutcomeUnknown');
      await expect(world.worker().run()).rejects.toThrow(/contradicts itself.*activity-guard show/);
      expect(await say({ source: 'third', verdict: 'committed', outcome })).toBe('contested');
      // Mutation: a contested one that is decided because a source has changed its mind.
      expect(await say({ source: 'other', verdict: 'committed', outcome })).toBe('contested');
      expect([world.effects, (await known()).receipt.contested]).toEqual([[], true]);
    },
  );

  it('that came before anybody knew that it was unknown settles it at the next look', async () => {
    const holder = world.worker();
    void holder.engine.run(
      world.call({ run: (e) => (e.begin(), holder.kill(), new Promise(() => undefined)) }),
    );
    await world.clock.advance(10);
    expect(await say({ source: 'webhook', verdict: 'committed', outcome })).toBe('kept');
    expect((await known()).receipt.state).toBe('claimed');
    await world.clock.advance(2000);
    expect(await world.worker().ending()).toBe('found');
  });

  // Mutation: a released row with evidence that it happened, which runs again or waits for ever.
  it('after a release that another had caused is contested', async () => {
    await abandoned();
    await say({ source: 'probe', verdict: 'not-committed' });
    expect(await say({ source: 'webhook', verdict: 'committed', outcome })).toBe('contested');
    expect(await world.worker().ending()).toBe('OutcomeUnknown');
    expect(world.effects).toEqual([]);
  });

  it('of an outcome with terms makes it final, or contested; what comes later is only kept', async () => {
    const finality = { sources: ['webhook'], quorum: 1, afterMs: 1000 };
    await world.worker().run({ finality });
    expect(await lookForFinality(world.receipts, await known())).toBe('provisional');
    await say({ source: 'webhook', verdict: 'committed' });
    expect(await lookForFinality(world.receipts, await known())).toBe('provisional');
    await world.clock.advance(1000);
    expect(await lookForFinality(world.receipts, await known())).toBe('final');
    expect(await say({ source: 'webhook', verdict: 'rejected' })).toBe('kept');
    expect((await known()).evidence.map((e) => [e.verdict, e.late])).toEqual([
      ['committed', false],
      ['rejected', true],
    ]);
    await world.worker().run({ finality, requestId: 'order:2', requestIdHash: hashRequestId('order:2') });
    const second = await world.receipts.get(receiptKey('default', hashRequestId('order:2')));
    if (!second) throw new Error('there is no row');
    expect(await weigh(world.receipts, second, { source: 'webhook', verdict: 'rejected' })).toBe('contested');
  });
});
