/** Whose claim a completion from elsewhere acts on, and what a claim that was handed over leaves behind. */
import { type AsyncCompletionClient, ActivityNotFoundError } from '@temporalio/client';
import { defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';

import { NotCommittedError, RejectedError, type GuardedCall } from '../../src/core';
import { GuardedCompletion } from '../../src/temporal/client';
import { World } from '../support/guarding';

class Elsewhere extends Error {}
const isDelegation = (thrown: unknown): boolean => thrown instanceof Elsewhere;

const handOver =
  (world: World): GuardedCall['run'] =>
  async (effect) => {
    effect.begin();
    world.effects.push({ requestId: effect.requestId, epoch: effect.epoch });
    throw new Elsewhere();
  };

const gone = async (): Promise<never> => Promise.reject(new ActivityNotFoundError('no such attempt'));
const completionOf = (world: World, client: Partial<AsyncCompletionClient> = {}): GuardedCompletion =>
  new GuardedCompletion({
    receipts: world.receipts,
    activity: {
      options: {
        loadedDataConverter: {
          payloadConverter: defaultPayloadConverter,
          failureConverter: defaultFailureConverter,
          payloadCodecs: [],
        },
      },
      ...{ complete: gone, fail: gone, reportCancellation: gone, ...client },
    } as unknown as AsyncCompletionClient,
  });

const token = new Uint8Array([1]);
const first = { requestId: 'order:1', epoch: 1 };

describe('a completion', () => {
  // "Every method may be called again": a queue delivers the failure of the first attempt twice.
  it('that is sent again says nothing of a later claim, whose effect goes on', async () => {
    const world = new World();
    const completion = completionOf(world);
    const call = { run: handOver(world), isDelegation };
    expect(await world.worker().ending(call)).toBe('delegated');
    const no = new NotCommittedError('the queue was full');
    expect(await completion.fail(first, token, no)).toMatchObject({ receipt: 'released' });

    expect(await world.worker().ending(call)).toBe('delegated');
    expect(world.effects.map((e) => e.epoch)).toEqual([1, 2]);
    await completion.fail(first, token, no); // of epoch 1, again
    expect(await world.state()).toBe('delegated');
    expect(await world.verdicts()).toEqual(['attempt: undetermined (1)', 'completion: not-committed (1)']);
    expect(await world.worker().ending()).toBe('InFlight');
    expect(world.effects.map((e) => e.epoch)).toEqual([1, 2]);

    // Its result, too, belongs to another claim now; that of the right one is taken.
    expect(await completion.complete(first, token, 'first')).toEqual({ receipt: 'late', reported: false });
    expect(await world.state()).toBe('delegated');
    expect(await completion.complete({ ...first, epoch: 2 }, token, 'second')).toMatchObject({
      receipt: 'committed',
    });
    expect(await completion.complete(first, token, 'first')).toMatchObject({ receipt: 'late' });
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['no request id', { epoch: 1 }],
    ['no epoch', { requestId: 'order:1' }],
    ['an epoch that is none', { requestId: 'order:1', epoch: 0 }],
  ])('that names %s is refused, and nothing is kept', async (_what, claim) => {
    const world = new World();
    expect(await world.worker().ending({ run: handOver(world), isDelegation })).toBe('delegated');
    const completion = completionOf(world);
    const invalid = { code: 'InvalidRequest' };
    await expect(completion.complete(claim as never, token, 'done')).rejects.toMatchObject(invalid);
    await expect(completion.fail(claim as never, token, new Error('x'))).rejects.toMatchObject(invalid);
    await expect(completion.reportCancellation(claim as never, token)).rejects.toMatchObject(invalid);
    expect([await world.state(), await world.verdicts()]).toEqual(['delegated', []]);
  });

  it('that fails before the activity has handed over has to wait', async () => {
    const world = new World();
    let finish: () => void = () => undefined;
    const run: GuardedCall['run'] = async (effect) => {
      effect.begin();
      await new Promise<void>((resolve) => (finish = resolve));
      throw new Elsewhere();
    };
    const running = world.worker().engine.run(world.call({ run, isDelegation }));
    await world.clock.advance(10);
    const completion = completionOf(world);
    const no = new NotCommittedError('full');
    await expect(completion.fail(first, token, no)).rejects.toMatchObject({ code: 'InFlight' });
    finish();
    await running;
    expect(await completion.fail(first, token, no)).toMatchObject({ receipt: 'released' });
  });

  it('that is sent again does not release a claim whose holder runs', async () => {
    const world = new World();
    const completion = completionOf(world);
    await world.worker().ending({ run: handOver(world), isDelegation });
    const no = new NotCommittedError('the queue was full');
    await completion.fail(first, token, no);
    let finish: () => void = () => undefined;
    const slow: GuardedCall['run'] = async (effect) => {
      await world.charge(effect);
      await new Promise<void>((resolve) => (finish = resolve));
      return 'slow';
    };
    const running = world.worker().engine.run(world.call({ run: slow }));
    await world.clock.advance(10);
    await completion.fail(first, token, no);
    expect(await world.worker().ending()).toBe('InFlight');
    finish();
    expect(await running).toMatchObject({ value: 'slow' });
    expect(world.effects.map((e) => e.epoch)).toEqual([1, 2]);
  });

  // Mutation: a refusal as one of the errors after which nobody knows.
  it('that says the provider refused settles the claim, and every call gets that', async () => {
    const world = new World();
    await world.worker().ending({ run: handOver(world), isDelegation });
    const completion = completionOf(world);
    const answer = await completion.fail(first, token, new RejectedError('no funds'));
    expect([answer.receipt, await world.state()]).toEqual(['rejected', 'rejected']);
    expect(await completion.fail(first, token, new Error('once more'))).toMatchObject({
      receipt: 'rejected',
    });

    // Mutation: not reporting what another settlement has left.
    const told: unknown[] = [];
    const client = { fail: async (_: unknown, error: unknown) => void told.push(error) };
    const late = await completionOf(world, client).complete(first, token, 'paid');
    expect([late, told]).toEqual([
      { receipt: 'late', reported: true },
      [expect.objectContaining({ message: 'no funds' })],
    ]);
  });

  // Mutation: a mark with the id of the generation, which the workflow does not know.
  it('that is refused for a later generation names the intent', async () => {
    const world = new World();
    await world.worker().ending();
    const row = await world.row();
    if (row) await world.receipts.supersede({ ...row, source: 'operator' });
    await world.worker().ending({ run: handOver(world), isDelegation });
    const told: unknown[] = [];
    const client = { fail: async (_: unknown, error: unknown) => void told.push(error) };
    const second = { requestId: 'order:1~g2', epoch: 1 };
    await completionOf(world, client).fail(second, token, new RejectedError('no funds'));
    expect(told).toMatchObject([{ cause: { details: ['order:1'] } }]);
  });

  // Mutation: settling without the result what the caller can still give in another form.
  it('with a result that cannot be converted settles nothing', async () => {
    const world = new World();
    await world.worker().ending({ run: handOver(world), isDelegation });
    const refused = completionOf(world).complete(first, token, 10n);
    await expect(refused).rejects.toMatchObject({ code: 'InvalidRequest' });
    expect(await world.state()).toBe('delegated');
  });
});

describe('a cancellation', () => {
  it('does not tell Temporal that a committed effect was cancelled', async () => {
    const world = new World();
    await world.worker().ending({ run: handOver(world), isDelegation });
    const told: string[] = [];
    const away = async (): Promise<never> => Promise.reject(new Error('Temporal is away'));
    await expect(completionOf(world, { complete: away }).complete(first, token, 'paid')).rejects.toThrow(
      'away',
    );
    const client = {
      complete: async () => void told.push('completed'),
      reportCancellation: async () => void told.push('cancelled'),
    };
    expect(await completionOf(world, client).reportCancellation(first, token)).toMatchObject({
      receipt: 'committed',
    });
    expect(told).toEqual(['completed']);
  });
});

describe('a claim that was handed over', () => {
  // What is sent elsewhere can be on the wire until the moment it is given up there, long after the lease.
  it('and became unknown elsewhere gives a probe its grace time from then on', async () => {
    const world = new World();
    const onUnknown: GuardedCall['onUnknown'] = () => ({ verdict: 'not-committed' });
    await world.worker().ending({ run: handOver(world), isDelegation, onUnknown });
    await world.clock.advance(3_600_000);
    await completionOf(world).fail(first, token, new Error('the answer timed out'));
    expect(await world.worker().ending({ onUnknown, waitMs: 100 })).toBe('OutcomeUnknown');
    expect(world.effects).toHaveLength(1);
  });

  // The work elsewhere may start hours later: a probe's "no" proves nothing while it is pending.
  it('is not run again by a probe because the database was away for a lease when it was handed over', async () => {
    const world = new World();
    const worker = world.worker();
    worker.faults.delegate = Array<'refused'>(100).fill('refused');
    const onUnknown: GuardedCall['onUnknown'] = () => ({ verdict: 'not-committed' });
    const call = {
      run: handOver(world),
      isDelegation,
      onUnknown,
      deadline: world.clock.monotonic() + 3_600_000,
    };
    expect(await worker.ending(call)).toBe('delegated');
    await world.clock.advance(5000);
    await world.worker().ending({ ...call, waitMs: 5000 });
    expect(world.effects).toHaveLength(1);
  });
});
