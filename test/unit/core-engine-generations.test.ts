/** Supersession against pruning, late settles and other callers. */
import { ApplicationFailure } from '@temporalio/common';

import { currentEffect, type GuardedCall } from '../../src/core';
import { fingerprintOf, generationId, hashRequestId, hashOfWrittenId, receiptKey } from '../../src/ids';
import { toFailure } from '../../src/temporal/outcomes/failures';
import { World } from '../support/guarding';

const key = receiptKey('default', hashRequestId('order:1'));

describe('a superseded receipt', () => {
  it('still leads to the generation after it when it has been pruned', async () => {
    const world = new World();
    await world.worker().ending();
    await world.clock.advance(90 * 86_400_000);
    await world.receipts.supersede({ key, epoch: 1, state: 'committed', source: 'operator' });
    expect(await world.worker().ending()).toBe('charge 2');
    // The nightly pruning, a moment later: the first receipt was settled long ago, the second just now.
    await world.receipts.prune({ retainMs: 30 * 86_400_000 });
    expect(await world.worker().ending()).toBe('charge 2');
  });

  it('is not one that was settled after the operator looked', async () => {
    const world = new World();
    const dead = await world.abandon();
    expect(dead.isDead).toBe(true);
    const seen = await world.row(); // lapsed: nobody knows, so the operator lets it happen once more
    if (!seen) throw new Error('no row');
    const outcome = { format: 'json', bytes: new TextEncoder().encode('["paid"]') };
    await world.receipts.settle({ ...seen, state: 'committed', outcome }); // its late holder is heard of
    expect(await world.receipts.supersede({ ...seen, source: 'operator' })).toBe(false);
    expect(await world.worker().ending()).toBe('paid');
  });

  it('gives no generation to a caller with another payload', async () => {
    const world = new World();
    await world.worker().ending();
    await world.receipts.supersede({ key, epoch: 1, state: 'committed', source: 'operator' });
    expect(await world.worker().ending({ fingerprint: fingerprintOf('charge', ['other']) })).toBe(
      'RequestIdReused',
    );
  });

  it('that is handed over is not one: somebody can still act on it', async () => {
    const world = new World();
    class Elsewhere extends Error {}
    await world.worker().ending({
      run: async (effect) => {
        effect.begin();
        throw new Elsewhere();
      },
      isDelegation: (thrown) => thrown instanceof Elsewhere,
    });
    expect(await world.receipts.supersede({ key, epoch: 1, state: 'delegated', source: 'operator' })).toBe(
      false,
    );
  });
});

describe('the hash of a generation', () => {
  it('is no explicit id', () => {
    const first = { requestId: 'order:1', requestIdHash: hashRequestId('order:1') };
    const composed = `64:${first.requestIdHash}/2:g2`;
    expect(hashRequestId(composed)).not.toBe(generationId(first, 2).requestIdHash);
  });

  it('is that of the id itself for the first one', () => {
    expect(hashOfWrittenId('order:1~g1')).toBe(hashRequestId('order:1'));
  });
});

describe('a transactional effect whose claim was lost', () => {
  /** The first one loses its lease and fails for good while the second one runs. */
  async function overtaken(world: World, onUnknown: 'hold' | 'retry'): Promise<unknown> {
    const terms = { transactional: true, onUnknown };
    const slow = world.worker();
    slow.faults.renew = Array<'hangs'>(100).fill('hangs');
    let fail: (error: Error) => void = () => undefined;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await new Promise<void>((_, reject) => (fail = reject));
      return currentEffect().commit(async () => 'never');
    };
    const first = slow.engine.run(world.call({ ...terms, run }));
    await world.clock.advance(1500);
    const running: GuardedCall['run'] = async (effect) => {
      effect.begin();
      return new Promise(() => undefined);
    };
    void world.worker().engine.run(world.call({ ...terms, run: running }));
    await world.clock.advance(100);
    expect(await world.state()).toBe('claimed');
    fail(ApplicationFailure.nonRetryable('no such account'));
    return world.clock.until(first).catch((error: unknown) => toFailure(error, false));
  }

  it('does not say for good that nothing happened while somebody else runs it', async () => {
    expect(await overtaken(new World(), 'hold')).toMatchObject({ nonRetryable: false });
  });

  // The first attempt was not transactional (an older version of the code) and may have happened.
  it('over an unknown attempt does not say that nothing happened', async () => {
    const world = new World();
    await world.abandon({ onUnknown: 'retry' });
    expect(await overtaken(world, 'retry')).toMatchObject({ type: 'OutcomeUnknown', nonRetryable: false });
  });
});
