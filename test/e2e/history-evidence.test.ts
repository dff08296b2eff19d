/** What a real history proves of claims whose receipts could not be written, and how those who wait are woken. */
import { randomUUID } from 'node:crypto';

import { Client, type WorkflowHandle } from '@temporalio/client';
import type { ActivityInterceptorsFactory, WorkerOptions } from '@temporalio/worker';

import { undetermined } from 'activity-guard';
import { effect, guarded } from 'activity-guard/activity';
import { TemporalHistoryEvidence, wakeWaiting } from 'activity-guard/client';
import { ActivityGuardPlugin, activityGuardInterceptors } from 'activity-guard/worker';
import type { Finding, Receipt, ReceiptStore } from '../../src/core';
import { EncryptingCodec } from '../support/encrypting-codec';
import { unsettled } from '../support/unsettled';
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start();
});
afterAll(() => here.stop());

const { signal } = new AbortController();

const guard = (receipts: ReceiptStore = here.receipts) => [new ActivityGuardPlugin({ receipts })];
const broken = () => guard(unsettled(here.receipts));

const clientOf = (dataConverter?: WorkerOptions['dataConverter']): Client => {
  const { connection, options } = here.stack.env.client;
  return new Client({
    connection,
    namespace: options.namespace,
    ...(dataConverter ? { dataConverter } : {}),
  });
};
const source = (client = clientOf()): TemporalHistoryEvidence => new TemporalHistoryEvidence({ client });

async function receiptOf({ workflowId }: Pick<WorkflowHandle, 'workflowId'>): Promise<Receipt> {
  const [receipt] = await here.receipts.list({ workflowId, limit: 1 });
  if (!receipt) throw new Error(`nothing was claimed by ${workflowId}`);
  return receipt;
}

/** The receipt of an activity that was called once, with its workflow ended. */
async function claimBy(options: Partial<WorkerOptions>, name = 'pay', local = false): Promise<Receipt> {
  return here.running(options, async (_run, start) => {
    const handle = await start(local ? 'callLocally' : 'callOnce', name, 'order 1', { cents: 5 });
    await handle.result().catch(() => undefined);
    return receiptOf(handle);
  });
}

const resolve = (receipt: Receipt, finding: Finding): Promise<boolean> =>
  here.receipts.resolve({
    ...{ key: receipt.key, epoch: receipt.epoch, verdict: 'committed', source: 'temporal-history' },
    outcome: finding.outcome,
  });

describe('a result that reached Temporal although its receipt could not be written', () => {
  const values: readonly [string, unknown][] = [
    ['an object', { id: 'ch_1', at: [1, null] }],
    ['nothing', undefined],
    ['bytes', new Uint8Array([1, 2, 3])],
  ];

  it.each(values)('is found, in the bytes of a receipt: %s', async (_what, value) => {
    const activities = { pay: guarded(async () => value) };
    const receipt = await claimBy({ activities, plugins: broken() });
    const settled = await claimBy({ activities, plugins: guard() });
    expect([receipt.state, settled.state]).toEqual(['claimed', 'committed']);
    const finding = await source().ask(receipt, signal);
    expect([source().covers(receipt), finding.verdict]).toEqual([true, 'committed']);
    expect(finding.outcome?.format).toBe(settled.outcome?.format);
    expect(Buffer.from(finding.outcome?.bytes ?? [])).toEqual(Buffer.from(settled.outcome?.bytes ?? []));
    expect(await source().argumentsOf(receipt)).toEqual(['order 1', { cents: 5 }]);
  });

  it('is replayed to the next caller of that id, through a codec that encrypts', async () => {
    let effects = 0;
    const activities = { pay: guarded(async () => `ch_${++effects}`) };
    const dataConverter = { payloadCodecs: [new EncryptingCodec()] };
    const id = `pay:${randomUUID()}`;
    const results = await here.running({ activities, plugins: broken(), dataConverter }, async (run) => {
      const first = run('callAndReplay', 'pay', id);
      await until(async () => (await here.receipt(id))?.state === 'claimed' && effects === 1);
      // The second call waits for the first, which nobody settles, until the history was read.
      await until(async () => {
        const receipt = await here.receipt(id);
        const finding = receipt && (await source(clientOf(dataConverter)).ask(receipt, signal));
        if (finding?.verdict !== 'committed') return false;
        await here.receipts.markUnknown(receipt as Receipt);
        expect(Buffer.from(finding.outcome?.bytes ?? []).toString('latin1')).not.toContain('ch_1');
        return resolve(receipt as Receipt, finding);
      });
      return first;
    });
    expect([results, effects]).toEqual([['ch_1', 'ch_1'], 1]);
  });
});

describe('a history that proves nothing', () => {
  const failing = { pay: guarded({ onUnknown: 'fail' }, () => Promise.reject(new Error('socket hang up'))) };

  it('of an activity that failed', async () => {
    const receipt = await claimBy({ activities: failing, plugins: guard() });
    expect(receipt.state).toBe('unknown');
    expect(await source().ask(receipt, signal)).toEqual({
      verdict: 'undetermined',
      note: 'the activity failed',
    });
  });

  it('of an activity that is pending', async () => {
    const activities = { pay: guarded(() => Promise.reject(new Error('socket hang up'))) };
    await here.running({ activities, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'pay', 'order 2');
      await until(async () => (await receiptOf(handle).catch(() => undefined))?.state === 'unknown');
      const receipt = await receiptOf(handle);
      const finding = await source().ask(receipt, signal);
      expect(finding).toMatchObject({
        verdict: 'undetermined',
        note: expect.stringMatching(/still pending \(attempt \d\)/) as string,
      });
      expect(await source().argumentsOf(receipt)).toEqual(['order 2']);
      await handle.terminate();
    });
  });

  it('of a workflow that Temporal does not have', async () => {
    const receipt = await claimBy({ activities: failing, plugins: guard() });
    const runs = [randomUUID(), 'no run at all'];
    for (const runId of runs) {
      const gone = { ...receipt, origin: { ...receipt.origin, runId } };
      expect((await source().ask(gone, signal)).note).toMatch(/not found/);
      expect(await source().argumentsOf(gone)).toBeUndefined();
    }
  });

  it('of an activity that was completed by hand while it waited', async () => {
    const activities = { pay: guarded(() => Promise.reject(new Error('socket hang up'))) };
    const receipt = await here.running({ activities, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'pay');
      await until(async () => (await receiptOf(handle).catch(() => undefined))?.state === 'unknown');
      const { activityId = '' } = (await receiptOf(handle)).origin;
      await clientOf().activity.complete({ workflowId: handle.workflowId, activityId }, 'never mind');
      expect(await handle.result()).toBe('never mind');
      return receiptOf(handle);
    });
    expect(await source().ask(receipt, signal)).toMatchObject({
      verdict: 'undetermined',
      note: expect.stringMatching(/not the one that claimed|from elsewhere/) as string,
    });
  });
});

describe('where a claim came from', () => {
  const pay = guarded(async () => 'paid');
  const passing: ActivityInterceptorsFactory = () => ({ inbound: { execute: (input, next) => next(input) } });
  const outer = {
    name: 'outer',
    configureWorker: (options: WorkerOptions): WorkerOptions => ({
      ...options,
      interceptors: {
        ...options.interceptors,
        activity: [passing, ...(options.interceptors?.activity ?? [])],
      },
    }),
  };

  // Mutations: an interceptor counted as outermost whatever its place.
  it.each<[string, () => Partial<WorkerOptions>, Partial<Record<string, string>>, boolean]>([
    ['the plugin alone', () => ({ plugins: guard() }), { outermost: 'yes' }, true],
    [
      'with interceptors inside',
      () => ({ plugins: guard(), interceptors: { activity: [passing] } }),
      { outermost: 'yes' },
      true,
    ],
    ['a plugin of its own outside', () => ({ plugins: [...guard(), outer] }), {}, false],
    [
      'an old interceptor outside',
      () => ({
        plugins: guard(),
        interceptors: { activityInbound: [() => ({ execute: (input, next) => next(input) })] },
      }),
      {},
      false,
    ],
    [
      'by hand',
      () => ({
        interceptors: {
          activity: activityGuardInterceptors({ receipts: here.receipts, activities: { pay } }).activity,
        },
      }),
      {},
      false,
    ],
  ])('%s', async (_what, options, expected, covered) => {
    const receipt = await claimBy({ activities: { pay }, ...options() });
    const { outermost } = receipt.origin;
    expect([outermost === undefined ? {} : { outermost }, source().covers(receipt)]).toEqual([
      expected,
      covered,
    ]);
  });

  it('a step, or a local activity, is not covered', async () => {
    const inSteps = async (): Promise<unknown> => effect('charge', () => 'charged');
    const step = await claimBy({ activities: { inSteps }, plugins: guard() }, 'inSteps');
    expect([step.origin['step'], source().covers(step)]).toEqual(['charge', false]);
    expect(await source().argumentsOf(step)).toEqual(['order 1', { cents: 5 }]);
    const local = await claimBy({ activities: { pay }, plugins: guard() }, 'pay', true);
    expect([local.origin['local'], source().covers(local)]).toEqual(['yes', false]);
    expect(await source().argumentsOf(local)).toBeUndefined();
  });
});

describe('waking', () => {
  /** Held for 20 s: what its probe says counts only once the lease is over. */
  const held = {
    pay: guarded({ onUnknown: () => undetermined(), leaseFor: '20s', graceFor: 0, waitFor: 100 }, () =>
      Promise.reject(new Error('hang up')),
    ),
  };

  /** The activity of the current run, once it is in a long back-off. */
  async function untilHeld({ workflowId }: WorkflowHandle): Promise<void> {
    await until(async () => {
      const { raw } = await clientOf().workflow.getHandle(workflowId).describe();
      const at = Number(raw.pendingActivities?.[0]?.nextAttemptScheduleTime?.seconds ?? 0) * 1000;
      return at > Date.now() + 10_000;
    });
  }
  const paid: Finding = {
    verdict: 'committed',
    outcome: { format: 'json', bytes: new TextEncoder().encode('"paid"') },
  };

  // Mutation: an activity that is not reset waits 20 s.
  it('an activity that is held: it goes on within two seconds', async () => {
    await here.running({ activities: held, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'pay');
      await untilHeld(handle);
      const receipt = await receiptOf(handle);
      expect(await resolve(receipt, paid)).toBe(true);
      const since = performance.now();
      expect(await wakeWaiting(clientOf(), receipt)).toBe('activity');
      expect(await handle.result()).toBe('paid');
      expect(performance.now() - since).toBeLessThan(3000);
      expect(await wakeWaiting(clientOf(), receipt)).toBe('none'); // it has ended
    });
  });

  it('the activity of a later run, after a reset of the workflow', async () => {
    await here.running({ activities: held, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'pay');
      await untilHeld(handle);
      const receipt = await receiptOf(handle);
      await clientOf().workflowService.resetWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: handle.workflowId },
        workflowTaskFinishEventId: 4 as never, // protobufjs takes a number for a Long
        ...{ requestId: randomUUID(), reason: 'a test' },
      });
      const current = clientOf().workflow.getHandle(handle.workflowId);
      await untilHeld(current);
      expect(await resolve(receipt, paid)).toBe(true);
      expect(await wakeWaiting(clientOf(), receipt)).toBe('activity');
      expect(await current.result()).toBe('paid');
    });
  });

  it('an activity that is paused does not unpause it', async () => {
    await here.running({ activities: held, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'pay');
      await untilHeld(handle);
      const receipt = await receiptOf(handle);
      const { workflowId } = handle;
      const id = receipt.origin['activityId'] ?? '';
      await clientOf().workflowService.pauseActivity({ namespace: 'default', execution: { workflowId }, id });
      expect(await wakeWaiting(clientOf(), receipt)).toBe('none');
      await handle.terminate();
    });
  });

  it('a workflow that waits for a decision', async () => {
    const workflowsPath = require.resolve('../fixtures/waking-workflows');
    // It has a handler of its own, so the guard's interceptors are left out.
    const workflowBundle = await here.bareBundle(workflowsPath);
    await here.running({ workflowBundle, plugins: guard() }, async (_run, start) => {
      const handle = await (start as (workflow: string) => Promise<WorkflowHandle>)('waitToBeTold');
      const origin = { temporalNamespace: 'default', workflowId: handle.workflowId };
      const receipt = { origin, policy: 'ask', requestId: 'order:1' } as unknown as Receipt;
      expect(await wakeWaiting(clientOf(), receipt)).toBe('workflow');
      expect(await handle.result()).toBe('order:1');
      expect(await wakeWaiting(clientOf(), receipt)).toBe('none');
    });
  });
});
