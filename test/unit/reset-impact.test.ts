/** What is predicted of histories that were made by hand; `test/e2e/reset-impact.test.ts` asks a server. */
import type { Receipt } from '../../src/core';
import { composeId, fallbackRequestId, generationId, hashRequestId, receiptKey } from '../../src/ids';
import { MemoryDatabase, MemoryReceipts } from '../../src/stores/memory';
import { resetImpact, type ResetImpact, type ResetTarget } from '../../src/temporal/client';
import { readRun } from '../../src/temporal/client/run-history';
import { outcomeOf, requestFor } from '../contract/rows';
import { FakeClock } from '../support/fake-clock';
import { clientOf, MadeRun } from '../support/made-histories';

const idOf = (action: string, slot = '1', scope = 'run-1'): string =>
  composeId([scope, action, 'hash', slot]);

type Claimed = Partial<Parameters<typeof requestFor>[1]> & { state?: Receipt['state'] };

/** Receipts, and what a reset would do. */
class Case {
  readonly clock = new FakeClock();
  readonly receipts = new MemoryReceipts(new MemoryDatabase(this.clock));

  async claim(requestId: string, { state = 'committed', ...more }: Claimed = {}): Promise<void> {
    const { origin, ...rest } = more;
    const from = { workflowId: 'order', runId: 'run-1', temporalNamespace: 'default', ...origin };
    const request = requestFor(requestId, { ...rest, origin: from });
    const { key } = request;
    await this.receipts.claim(request);
    if (state === 'unknown') await this.receipts.markUnknown(request);
    if (state === 'released') await this.receipts.release(request);
    if (state === 'delegated') await this.receipts.delegate(request);
    if (['committed', 'rejected', 'superseded', 'pruned'].includes(state)) {
      const settled = state === 'rejected' ? 'rejected' : 'committed';
      await this.receipts.settle({ ...request, epoch: 1, state: settled, outcome: outcomeOf('"SECRET"') });
    }
    if (state === 'superseded')
      await this.receipts.supersede({ key, epoch: 1, state: 'committed', source: 'test' });
    if (state === 'pruned') await this.receipts.prune({ retainMs: 0 });
  }

  async impact(
    runs: readonly MadeRun[],
    target: Partial<ResetTarget> = {},
    pageSize = 3,
  ): Promise<ResetImpact> {
    const { client } = clientOf(runs, pageSize);
    const impact = await resetImpact(client, this.receipts, { workflowId: 'order', ...target });
    expect(JSON.stringify(impact)).not.toContain('SECRET');
    return impact;
  }
}

const fates = ({ effects }: ResetImpact): string[] =>
  effects.map(({ activityType, step, action, state, fate }) =>
    [activityType ?? action, step, state ?? 'none', fate].filter(Boolean).join(' '),
  );

/** A run that calls one activity after its first workflow task, to which it is to be reset. */
const first = 4;
const oneCall = (header?: Parameters<MadeRun['call']>[2], run = new MadeRun()): MadeRun => {
  run.call('charge', '1', header);
  return run.end();
};

describe('a call that is made again', () => {
  it.each<[Claimed, string, RegExp]>([
    [{}, 'committed replayed', /stored result/],
    [{ state: 'rejected' }, 'rejected rejected', /stored rejection/],
    [{ state: 'claimed' }, 'claimed waits', /in flight/],
    [{ state: 'delegated' }, 'delegated waits', /elsewhere/],
    [{ state: 'released' }, 'released runs', /had not happened/],
    [{ state: 'superseded' }, 'superseded runs', /new generation/],
    [{ state: 'pruned' }, 'pruned refused', /ReceiptPruned/],
    [{ state: 'unknown' }, 'unknown waits', /held until/],
    [{ state: 'unknown', policy: 'probe' }, 'unknown waits', /probe/],
    [{ state: 'unknown', policy: 'fail' }, 'unknown refused', /OutcomeUnknown/],
    [{ state: 'unknown', policy: 'retry' }, 'unknown runs', /under the same id/],
    [{ state: 'claimed', leaseMs: -1 }, 'unknown waits', /held until/],
    [{ state: 'claimed', leaseMs: -1, transactional: true }, 'released runs', /had not happened/],
  ])('gets what its receipt says: %p', async (claimed, expected, why) => {
    const world = new Case();
    await world.claim(idOf('charge'), claimed);
    const impact = await world.impact([oneCall({ id: idOf('charge') })], { resetTo: first });
    expect(fates(impact)).toEqual([`charge ${expected}`]);
    expect(impact.effects[0]?.reason).toMatch(why);
  });

  it('is found by an explicit id, whoever claimed it', async () => {
    const world = new Case();
    const idHash = hashRequestId('invoice:1');
    await world.claim(`sha256:${idHash}`, {
      ...{ key: receiptKey('default', idHash), origin: { workflowId: 'another' } },
    });
    expect(fates(await world.impact([oneCall({ idHash })], { resetTo: first }))).toEqual([
      'charge committed replayed',
    ]);
  });

  it('comes to the latest generation of a superseded intent', async () => {
    const world = new Case();
    const id = idOf('charge');
    await world.claim(id, { state: 'superseded' });
    const second = generationId({ requestId: id, requestIdHash: hashRequestId(id) }, 2);
    await world.claim(second.requestId, {
      key: receiptKey('default', second.requestIdHash),
      state: 'rejected',
    });
    const impact = await world.impact([oneCall({ id })], { resetTo: first });
    expect(impact.effects).toEqual([expect.objectContaining({ requestId: `${id}~g2`, fate: 'rejected' })]);
  });

  it.each([
    ['no header', undefined, /unguarded: it came without a header/],
    ['a header without a receipt', { id: idOf('charge') }, /no receipt: unguarded/],
    ['no derived id', { problem: 'arguments' as const }, /no id could be derived/],
  ])('with %s runs', async (_name, header, why) => {
    const impact = await new Case().impact([oneCall(header)], { resetTo: first });
    expect(fates(impact)).toEqual(['charge none runs']);
    expect(impact.effects[0]?.reason).toMatch(why);
  });

  it('runs where its id names its run, its steps too', async () => {
    const world = new Case();
    const id = fallbackRequestId(['default', 'order', 'run-1', '1']);
    await world.claim(id);
    const steps = fallbackRequestId(['default', 'order', 'run-1', '2']);
    await world.claim(composeId([steps, 'mail']), {
      ...{ action: 'checkOut/mail', origin: { activityId: '2', step: 'mail' } },
    });
    const run = new MadeRun();
    run.call('charge', '1');
    run.call('checkOut', '2');
    expect(fates(await world.impact([run.end()], { resetTo: first }))).toEqual([
      'charge committed runs',
      'checkOut none steps',
      'checkOut mail committed runs',
    ]);
  });

  it('is a step where its receipt says so, whatever its id and its action are', async () => {
    const world = new Case();
    await world.claim('mail:1', { action: 'send', origin: { activityId: '1', step: 'mail' } });
    expect(fates(await world.impact([oneCall({ id: idOf('charge') })], { resetTo: first }))).toEqual([
      'charge none steps',
      'charge mail committed replayed',
    ]);
  });

  // Mutation: each call judged alone. The first gets the result now, and the second is a new intent then.
  it('may run where it was the retry of one that is made again as well', async () => {
    const world = new Case();
    await world.claim(idOf('charge'));
    const run = new MadeRun();
    const failed = run.events.length + 1;
    run.call('charge', '1', { id: idOf('charge') }, 'TimedOut');
    const later = run.call('charge', '2', { id: idOf('charge') });
    run.call('mail', '3', { idHash: hashRequestId('mail') });
    run.call('mail', '4', { idHash: hashRequestId('mail') });
    await world.claim(`sha256:${hashRequestId('mail')}`, {
      key: receiptKey('default', hashRequestId('mail')),
    });
    const impact = await world.impact([run.end()], { resetTo: first });
    expect(fates(impact)).toEqual([
      'charge committed replayed',
      'charge committed mayRun',
      'mail committed replayed',
      'mail committed replayed',
    ]);
    expect(impact.effects[1]?.reason).toMatch(new RegExp(`retry of event ${failed}`));
    expect(impact.totals).toMatchObject({ replayed: 3, mayRun: 1, runs: 0 });
    const kept = await world.impact([run], { resetTo: later - 6 });
    expect(fates(kept).slice(0, 2)).toEqual(['charge committed kept', 'charge committed replayed']);
  });

  it('is found by the same id in a retry of the workflow, which walks through all calls again', async () => {
    const world = new Case();
    await world.claim(idOf('charge'));
    const failed = new MadeRun();
    failed.call('charge', '1', { id: idOf('charge') });
    failed.end('workflowExecutionFailed', { newExecutionRunId: 'run-2' });
    const retried = oneCall(
      { id: idOf('charge') },
      new MadeRun('order', 'run-2', { attempt: 2, firstExecutionRunId: 'run-1' }),
    );
    const impact = await world.impact([failed, retried], { runId: 'run-1', resetTo: first });
    expect(fates(impact)).toEqual(['charge committed replayed', 'charge committed replayed']);
  });

  it('is told apart from one that stays in history, and from one that was pending', async () => {
    const world = new Case();
    for (const slot of ['1', '2', '3']) await world.claim(idOf('charge', slot));
    const run = new MadeRun();
    run.call('charge', '1', { id: idOf('charge', '1') }, 'Failed');
    const pending = run.schedule('charge', '2', { id: idOf('charge', '2') });
    const resetTo = run.task();
    run.add('activityTaskTimedOut', { scheduledEventId: pending });
    run.call('charge', '3', { id: idOf('charge', '3') });
    const impact = await world.impact([run], { resetTo });
    expect(fates(impact)).toEqual([
      'charge committed kept',
      'charge committed replayed',
      'charge committed replayed',
    ]);
    expect(impact.effects.map(({ reason }) => /pending/.test(reason ?? ''))).toEqual([false, true, false]);
    expect(impact.notes).toEqual([expect.stringMatching(/The run is open/)]);
  });
});

describe('a call that ended before the point', () => {
  it.each(['Completed', 'Failed', 'TimedOut', 'Canceled'])('is kept: %s', async (end) => {
    const run = new MadeRun();
    const resetTo = run.call('charge', '1', { id: idOf('charge') }, end);
    const impact = await new Case().impact([run.end()], { resetTo });
    expect(fates(impact)).toEqual(['charge none kept']);
  });
});

describe('what is claimed under other ids', () => {
  it('is found by workflow, run and activity, in the run before a reset too', async () => {
    const world = new Case();
    await world.claim('ship:1', { action: 'ship', origin: { activityId: '1' } });
    await world.claim(idOf('charge'), { origin: { activityId: '2' } });
    await world.claim('ship:3', { action: 'ship', origin: { runId: 'run-2', activityId: '4' } });
    // Of a call in the dropped part of the base run, which has the number of another one now.
    await world.claim('ship:lost', { action: 'ship', origin: { activityId: '4' } });
    await world.claim('elsewhere', { origin: { activityId: '1', temporalNamespace: 'other' } });
    const run = new MadeRun('order', 'run-2', { originalExecutionRunId: 'run-1' });
    run.call('ship', '1', { id: idOf('ship') });
    run.local('charge', '2');
    run.task('workflowTaskFailed', { baseRunId: 'run-1', newRunId: 'run-2' });
    run.call('ship', '4', { id: idOf('ship', '2') });
    const impact = await world.impact([run.end()], { resetTo: first });
    expect(fates(impact)).toEqual([
      'ship committed replayed',
      'charge committed replayed',
      'ship committed replayed',
      'ship committed',
    ]);
    expect(impact.effects.map(({ requestId }) => requestId)).toEqual([
      'ship:1',
      idOf('charge'),
      'ship:3',
      'ship:lost',
    ]);
    expect(impact.effects.at(-1)).toMatchObject({ kind: 'unmatched' });
  });

  it('is not tied by name to a second call', async () => {
    const world = new Case();
    await world.claim('ship:1', { action: 'ship', origin: { activityId: '1' } });
    const run = new MadeRun('order', 'run-2', { originalExecutionRunId: 'run-1' });
    run.call('ship', '1', { id: idOf('ship') });
    run.task('workflowTaskFailed', { baseRunId: 'run-1', newRunId: 'run-2' });
    run.call('ship', '5', { id: idOf('ship', '2') });
    expect(fates(await world.impact([run.end()], { resetTo: first }))).toEqual([
      ...['ship committed replayed', 'ship none runs'],
    ]);
  });

  it('is tied by name after a reset only where it can be no other', async () => {
    const world = new Case();
    await world.claim(idOf('charge'), { origin: { activityId: '1' } });
    const runWith = (calls: number): MadeRun => {
      const run = new MadeRun('order', 'run-2', { originalExecutionRunId: 'run-1' });
      run.task('workflowTaskFailed', { baseRunId: 'run-1', newRunId: 'run-2' });
      for (let i = 0; i < calls; i++) run.local('charge', `7${i}`);
      return run.end();
    };
    const one = await world.impact([runWith(1)], { resetTo: first });
    expect(fates(one)).toEqual(['charge committed replayed']);
    expect(one.effects[0]?.reason).toMatch(/tied to the call by the name/);
    expect(fates(await world.impact([runWith(2)], { resetTo: first }))).toEqual([
      ...['charge none runs', 'charge none runs'],
      'charge committed',
    ]);
  });
});

describe('what a reset does besides', () => {
  it('is said of signals, updates, other workflows and nexus operations after the point', async () => {
    const run = new MadeRun();
    run.add('workflowExecutionSignaled');
    run.add('nexusOperationScheduled', { service: 'bank', operation: 'ask' });
    const resetTo = run.task();
    const outside = [
      run.add('nexusOperationScheduled', { service: 'bank', operation: 'pay' }),
      run.add('signalExternalWorkflowExecutionInitiated', { signalName: 'paid' }),
      run.add('requestCancelExternalWorkflowExecutionInitiated', { workflowExecution: { workflowId: 'w' } }),
    ];
    const signals = [run.add('workflowExecutionSignaled'), run.add('workflowExecutionSignaled')];
    const update = run.add('workflowExecutionUpdateAccepted');
    const impact = await new Case().impact([run.end()], { resetTo });
    expect(impact.notes).toEqual([
      expect.stringContaining(
        `Signals after the point (events ${signals.join(', ')}): the server applies them again`,
      ),
      expect.stringContaining(`Update after the point (event ${update})`),
    ]);
    expect(impact.notPredicted.slice(0, 3)).toEqual([
      `Event ${outside[0]} of order: nexus operation bank.pay: made again, past the guard.`,
      `Event ${outside[1]} of order: signal to another workflow paid: made again, past the guard.`,
      `Event ${outside[2]} of order: cancellation of another workflow w: made again, past the guard.`,
    ]);
    expect(impact.complete).toBe(true);
    expect((await new Case().impact([run])).notPredicted).toEqual([]);
  });

  it('reaches the runs that continued it, but no cron tick', async () => {
    const world = new Case();
    await world.claim(idOf('charge', '1', 'run-1~2'), { origin: { runId: 'run-2' } });
    const next = oneCall(
      { id: idOf('charge', '1', 'run-1~2') },
      new MadeRun('order', 'run-2', {}, { scope: 'run-1~2', from: 'run-1' }),
    );
    const continued = new MadeRun().end('workflowExecutionContinuedAsNew', { newExecutionRunId: 'run-2' });
    const impact = await world.impact([continued, next], { runId: 'run-1', resetTo: first });
    expect(fates(impact)).toEqual(['charge committed replayed']);
    expect(fates(await world.impact([continued, next], { runId: 'run-1' }))).toEqual([]);
    const tick = new MadeRun('order', 'run-1', { cronSchedule: '@daily' });
    tick.end('workflowExecutionCompleted', { newExecutionRunId: 'run-2' });
    const ofTick = await world.impact([tick, next], { runId: 'run-1', resetTo: first });
    expect(ofTick.effects).toEqual([]);
    expect(ofTick.notPredicted[0]).toMatch(/Run run-2 is the next cron tick/);
  });

  const uuid = '8d1f2a30-1111-4222-8333-444455556666';
  it.each<[string, string, boolean, Record<string, unknown>, string, RegExp | undefined]>([
    ['ended, under its default id', uuid, false, {}, 'replayed', undefined],
    ['open, under its default id', uuid, true, {}, 'replayed', /another one beside it/],
    ['ended, under its own id', 'kid', false, {}, 'replayed', undefined],
    ['open, under its own id', 'kid', true, {}, 'kept', /AlreadyStarted/],
    ['open, to be terminated', 'kid', true, { workflowIdReusePolicy: 4 }, 'replayed', /terminates this one/],
    [
      'ended, whose id is used up',
      'kid',
      false,
      { workflowIdReusePolicy: 3 },
      'kept',
      /has run.*AlreadyStarted/,
    ],
  ])('says of a child that started after the point what becomes of it: %s', async (...row) => {
    const [, id, isOpen, policy, fate, note] = row;
    const world = new Case();
    await world.claim(idOf('charge', '1', 'child-1'), { origin: { workflowId: id, runId: 'kid-1' } });
    const child = new MadeRun(id, 'kid-1', {}, { scope: 'child-1' });
    child.call('charge', '1', { id: idOf('charge', '1', 'child-1') });
    if (!isOpen) child.end();
    const parent = new MadeRun();
    parent.child(id, 'kid-1', policy);
    const later = parent.task();
    parent.end();
    const impact = await world.impact([parent, child], { resetTo: first });
    expect(fates(impact)).toEqual([`charge committed ${fate}`]);
    expect(impact.notes).toEqual(note ? [expect.stringMatching(note)] : []);
    const keeping = await world.impact([parent, child], { resetTo: later });
    expect(fates(keeping)).toEqual(['charge committed kept']);
    expect(keeping.effects[0]?.reason).toMatch(/started before the point/);
  });

  // Mutation: receipts found by ids that the child, or the next run, will not have again.
  it.each<[string, Record<string, unknown>, string]>([
    ['without a header', {}, 'kid-1'],
    ['by a cron schedule', { cronSchedule: '@daily' }, 'kid-1'],
    ['as a retry without a header', { attempt: 2, firstExecutionRunId: 'kid-0' }, 'kid-0'],
  ])('finds no receipts for a child that was started %s', async (_how, started, scope) => {
    const world = new Case();
    await world.claim(idOf('charge', '1', scope), { origin: { workflowId: uuid, runId: 'kid-1' } });
    const child = oneCall({ id: idOf('charge', '1', scope) }, new MadeRun(uuid, 'kid-1', started));
    const parent = new MadeRun();
    parent.child(uuid, 'kid-1');
    const impact = await world.impact([parent.end(), child], { resetTo: first });
    expect(fates(impact)).toEqual(['charge committed runs']);
  });

  it('finds no receipts for a run that was continued without a header', async () => {
    const world = new Case();
    await world.claim(idOf('charge', '1', 'run-2'), { origin: { runId: 'run-2' } });
    const next = oneCall(
      { id: idOf('charge', '1', 'run-2') },
      new MadeRun('order', 'run-2', { firstExecutionRunId: 'run-1' }),
    );
    const continued = new MadeRun().end('workflowExecutionContinuedAsNew', { newExecutionRunId: 'run-2' });
    const impact = await world.impact([continued, next], { runId: 'run-1', resetTo: first });
    expect(fates(impact)).toEqual(['charge committed runs']);
    expect(fates(await world.impact([continued, next], { runId: 'run-2', resetTo: first }))).toEqual([
      'charge committed replayed',
    ]);
  });

  it('is incomplete where a run was reset before, and where receipts belong to no call', async () => {
    const world = new Case();
    const run = oneCall({ id: idOf('charge') });
    await world.claim(idOf('charge'));
    expect((await world.impact([run], { resetTo: first })).complete).toBe(true);
    run.resetRunId = 'run-2';
    const reset = await world.impact([run], { resetTo: first });
    expect([reset.complete, reset.notPredicted[0]]).toEqual([
      false,
      expect.stringMatching(/was reset already: run run-2/),
    ]);
    run.resetRunId = undefined;
    await world.claim(idOf('refund'), { origin: { activityId: '9' } });
    const loose = await world.impact([run], { resetTo: first });
    expect([loose.complete, loose.notPredicted[0]]).toEqual([
      false,
      expect.stringMatching(/1 receipts of workflow order/),
    ]);
    expect((await world.impact([run])).complete).toBe(true);
  });

  it('says what was not looked at', async () => {
    const parent = new MadeRun();
    parent.child('gone', 'gone-1');
    parent.child('far', 'far-1', { namespace: 'other' });
    const families = Array.from({ length: 12 }, (_, i) => new MadeRun(`deep-${i}`, `deep-${i}`));
    parent.child('deep-0', 'deep-0');
    families.forEach((run, i) => run.child(`deep-${i + 1}`, `deep-${i + 1}`));
    const impact = await new Case().impact([parent.end(), ...families], { resetTo: first });
    expect(impact.complete).toBe(false);
    expect(impact.notPredicted.slice(0, 3)).toEqual([
      'The history of run gone-1 of gone is no longer kept.',
      'The child workflow far (kid) is in namespace other, which was not looked at.',
      'The child workflow deep-8 (kid) is more than 8 generations away and was not looked at.',
    ]);
  });
});

describe('the point', () => {
  it('is the end of a workflow task, or maybe within one', async () => {
    const run = new MadeRun();
    const failed = run.task('workflowTaskFailed');
    const timedOut = run.task('workflowTaskTimedOut');
    const scheduled = run.add('workflowTaskScheduled');
    const signal = run.add('workflowExecutionSignaled');
    const started = run.add('workflowTaskStarted');
    const world = new Case();
    expect((await world.impact([run])).resettable).toEqual([first, failed, timedOut]);
    for (const resetTo of [failed, timedOut])
      expect((await world.impact([run], { resetTo })).notes.join()).not.toMatch(/batch/);
    for (const resetTo of [signal, started, first - 1])
      expect((await world.impact([run], { resetTo })).notes[0]).toMatch(/only if it begins a batch/);
    for (const resetTo of [1, 2, scheduled])
      await expect(world.impact([run], { resetTo })).rejects.toMatchObject({
        ...{
          code: 'InvalidRequest',
          message: expect.stringContaining(`They are ${first}, ${failed}, ${timedOut}.`),
        },
      });
    await expect(world.impact([run], { resetTo: started + 1 })).rejects.toThrow(/its last event is/);
  });

  it('names the nearest ones of many', async () => {
    const run = new MadeRun();
    for (let i = 0; i < 40; i++) run.task();
    const scheduled = run.events.length - 2;
    await expect(new Case().impact([run], { resetTo: scheduled })).rejects.toThrow(
      new RegExp(`The nearest are (\\d+, ){9}${scheduled + 2}\\.$`),
    );
  });

  it('is of a workflow that there is', async () => {
    const world = new Case();
    await expect(world.impact([new MadeRun('other')])).rejects.toThrow(
      /There is no workflow order in Temporal/,
    );
    await expect(world.impact([new MadeRun()], { runId: 'x' })).rejects.toThrow(/with a run x/);
  });
});

describe('a long history', () => {
  it('is read page by page, and no further than the limit', async () => {
    const run = new MadeRun();
    for (let i = 0; i < 50; i++) run.call('charge', String(i));
    const { client, pages } = clientOf([run], 100);
    const whole = await readRun(client, run, 1000);
    expect([whole.calls.length, whole.isCut, pages()]).toEqual([
      50,
      false,
      Math.ceil(run.events.length / 100),
    ]);
    const cut = await readRun(client, run, 150);
    expect([cut.lastEventId, cut.isCut]).toEqual([200, true]);
  });

  it('that is too long to be read to its end makes the prediction incomplete', async () => {
    const run = new MadeRun();
    while (run.events.length <= 100_000) run.task();
    const { complete, notPredicted } = await new Case().impact([run], { resetTo: first }, 10_000);
    expect([complete, notPredicted[0]]).toEqual([false, expect.stringMatching(/has more than \d+ events/)]);
  });
});
