import { committed, memoryReceipts } from 'activity-guard';
import { guarded } from 'activity-guard/activity';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin, type ActivityGuardOptions } from 'activity-guard/worker';
import type { WorkerOptions } from '@temporalio/worker';

import { newSchemaName } from '../support/scratch-schema';
import { logged, onConnectionToo, WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start();
});
afterAll(() => here.stop());
beforeEach(() => void (logged.length = 0));

/** The codes of what was logged, in order. */
const codes = (): (string | undefined)[] =>
  logged
    .filter((line) => line.startsWith('activity-guard: '))
    .map((line) => /\(([a-z-]+)\)$/.exec(line)?.[1]);

const plugin = (options: Partial<ActivityGuardOptions> = {}): ActivityGuardPlugin =>
  new ActivityGuardPlugin({ receipts: here.receipts, ...options });

const charge = async (): Promise<string> => 'charged';
/** Nothing is to be said of it. */
const sound = { charge: guarded({ onUnknown: () => committed('charged'), leaseFor: '5s' }, charge) };

/** Starts a worker, calls its activity and stops it. */
const run = (options: Partial<WorkerOptions>): Promise<unknown> =>
  here.running({ activities: sound, plugins: [plugin()], ...options }, (call) => call('callOnce', 'charge'));

describe('a worker that starts', () => {
  it('is quiet where there is nothing to say', async () => {
    expect(await run({})).toBe('charged');
    expect(codes()).toEqual([]);
  });

  it('says what would weaken its guard, before it polls, and works', async () => {
    const receipts = memoryReceipts();
    const seen: unknown[] = [];
    const activities = {
      charge: guarded(async () => {
        seen.push(...codes());
        return 'charged';
      }),
    };
    const weak = plugin({ receipts, guard: ['chargeCrad'], leaseFor: '1s', retainFor: '1h' });
    expect(await run({ activities, plugins: [weak] })).toBe('charged');
    expect(seen).toEqual([
      ...['memory-receipts', 'short-lease', 'retention-short', 'no-policy', 'guards-nothing'],
      'gives-up-early',
    ]);
  });

  it('counts task slots, local ones too, against the pool of the receipts', async () => {
    const slots = (each: number) => ({
      maxConcurrentActivityTaskExecutions: each,
      maxConcurrentLocalActivityExecutions: each,
    });
    await run(slots(100));
    expect(codes()).toEqual([]);
    await run(slots(101));
    expect(codes()).toEqual(['pool-crowded']);
    expect(logged.join()).toMatch(/202 activities.*4 connections/);
  });

  it('knows no slots where a tuner hands them out', async () => {
    const slots = { minimumSlots: 1, maximumSlots: 10_000 };
    const tuner = {
      tunerOptions: { targetMemoryUsage: 1, targetCpuUsage: 1 },
      ...{ activityTaskSlotOptions: slots, localActivityTaskSlotOptions: slots },
    };
    await run({ tuner });
    expect(codes()).toEqual([]);
  });

  it('compares retainFor of an activity with what Temporal keeps, and is content with more', async () => {
    const keeping = (retainFor: string) => ({
      charge: guarded({ onUnknown: () => committed('charged'), leaseFor: '5s', retainFor }, charge),
    });
    await run({ activities: keeping('10 minutes') });
    expect(codes()).toEqual(['retention-short']);
    expect(logged.join()).toMatch(/retainFor of charge .*namespace default keeps closed histories for \d+ h/);
    logged.length = 0;
    await run({ activities: keeping('10000 days') });
    expect(codes()).toEqual([]);
  });

  it('says it once where the plugin is on the connection, too', async () => {
    await run(onConnectionToo({ plugins: [plugin({ leaseFor: '1s' })] }));
    expect(codes()).toEqual(['short-lease']);
  });

  it('says it for each worker that shares a plugin', async () => {
    const shared = plugin({ leaseFor: '1s' });
    await run({ plugins: [shared] });
    await run({ plugins: [shared] });
    expect(codes()).toEqual(['short-lease', 'short-lease']);
  });
});

describe('a worker that must not start, polls nothing and starts once that is mended', () => {
  const state = 'INITIALIZED';

  it('with options that no call can be guarded with, all of them named', async () => {
    const options = { onUnknown: 'fail', leaseFor: 'soon', waitFor: 'long' } as const;
    const activities = { charge: guarded(options, charge) };
    const plugins = [plugin()];
    const mend = () => Object.assign(options, { leaseFor: '5s', waitFor: '5s' });
    expect(await here.refusal({ activities, plugins }, mend)).toMatchObject({
      error: {
        code: 'InvalidRequest',
        message: expect.stringMatching(/leaseFor of charge, waitFor of charge.*\(bad-duration\)/),
      },
      state,
    });
  });

  it('with one connection for transactions and leases', async () => {
    const receipts = pgReceipts({ connectionString: here.stack.databaseUrl, max: 1 });
    const options = { onUnknown: 'fail', transactional: true } as const;
    const activities = { charge: guarded(options, charge) };
    const mend = () => Object.assign(options, { transactional: false });
    expect(await here.refusal({ activities, plugins: [plugin({ receipts })] }, mend)).toMatchObject({
      error: { code: 'InvalidRequest', message: expect.stringContaining('(pool-too-small)') },
      state,
    });
    await receipts.close();
  });

  it('without the tables of the receipts', async () => {
    const receipts = pgReceipts({ connectionString: here.stack.databaseUrl }, { schema: newSchemaName() });
    expect(
      await here.refusal({ activities: sound, plugins: [plugin({ receipts })] }, () => receipts.migrate()),
    ).toMatchObject({
      error: {
        code: 'ReceiptStoreUnavailable',
        message: expect.stringContaining('activity-guard migrate'),
      },
      state,
    });
    await receipts.close();
  });
});

describe('an activity whose retry policy ends before its outcome can be resolved', () => {
  it('is named at its first call, and not again', async () => {
    const activities = {
      charge: guarded({ onUnknown: 'hold' }, charge),
      look: guarded({ onUnknown: 'fail' }, charge),
    };
    await here.running({ activities, plugins: [plugin()] }, async (call) => {
      for (const name of ['charge', 'charge', 'look']) await call('callOnce', name);
    });
    expect(codes()).toEqual(['gives-up-early']);
    expect(logged[0]).toMatch(/gives up charge after 5 attempts \(about 15 s\)/);
  });
});
