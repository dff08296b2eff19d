/** A failover to a replica in the middle of an effect: the row of its claim is not there any more. */
import { RejectedError, type GuardedCall } from '../../src/core';
import { World } from '../support/guarding';

/** Loses the row while the effect runs, which then returns, or throws. */
const losing =
  (world: World, thrown?: Error): GuardedCall['run'] =>
  async (effect) => {
    await world.charge(effect);
    world.database.rows.clear();
    if (thrown) throw thrown;
    return 'paid';
  };

describe('a claim whose row is lost', () => {
  it('has its receipt written anew, for every later caller', async () => {
    const world = new World();
    expect(await world.worker().ending({ run: losing(world) })).toBe('paid');
    expect([await world.state(), await world.verdicts()]).toEqual([
      'committed',
      ['failover: undetermined (1)'],
    ]);
    expect([await world.worker().ending(), world.effects.length]).toEqual(['paid', 1]);
  });

  it('keeps a rejection', async () => {
    const world = new World();
    const run = losing(world, new RejectedError('no funds'));
    expect(await world.worker().ending({ run })).toMatch(/^rejected/);
    expect(await world.state()).toBe('rejected');
  });

  // Mutation: a rejection for good, although nobody knows of the attempt before it.
  it('keeps no rejection where an earlier attempt may have happened', async () => {
    const world = new World();
    await world.abandon({ onUnknown: 'retry' });
    const run = losing(world, new RejectedError('no funds'));
    expect(await world.worker().ending({ run, onUnknown: 'retry' })).toBe('OutcomeUnknown');
    const last = world.database.evidence.at(-1);
    expect([await world.state(), last?.source, last?.verdict]).toEqual([
      undefined,
      'late-settle',
      'rejected',
    ]);
  });
});
