import { Context } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { PayloadCodec } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/common';

import { Client } from 'pg';

import { currentClaim, guarded, requestId } from 'activity-guard/activity';
import { pgReceipts } from 'activity-guard/pg';
import { ActivityGuardPlugin, activityGuardInterceptors, type GuardEvent } from 'activity-guard/worker';
import { logged, onConnectionToo, WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start();
});
afterAll(() => here.stop());

/** An activity that counts its effects. */
function counting(result: unknown = 'done') {
  const effects: string[] = [];
  const run = async (id = 'unmarked'): Promise<unknown> => {
    effects.push(id);
    return result;
  };
  return { effects, unmarked: () => run(), marked: guarded(() => run(requestId())) };
}

const events = (): { events: GuardEvent[]; onEvent: (event: GuardEvent) => void; types: () => string[] } => {
  const seen: GuardEvent[] = [];
  return { events: seen, onEvent: (event) => seen.push(event), types: () => seen.map((e) => e.type) };
};

describe('registering the guard', () => {
  it('by hand is as good as by the plugin', async () => {
    const { effects, marked } = counting();
    const activities = { marked };
    const interceptors = {
      activity: activityGuardInterceptors({ receipts: here.receipts, activities }).activity,
    };
    const results = await here.running({ activities, interceptors }, (run) =>
      run('callAndReplay', 'marked', 'by-hand'),
    );
    expect([results, effects.length]).toEqual([['done', 'done'], 1]);
  });

  it('by hand without the activities refuses to run marked ones', async () => {
    const { effects, marked } = counting();
    const interceptors = {
      activity: activityGuardInterceptors({ receipts: here.receipts, activities: {} }).activity,
    };
    const run = here.running({ activities: { marked }, interceptors }, (call) => call('callOnce', 'marked'));
    await expect(run).rejects.toMatchObject({ cause: { cause: { type: 'GuardNotInstalledError' } } });
    expect(effects).toEqual([]);
  });

  it('guards activities by name that cannot be edited', async () => {
    const { effects, unmarked } = counting();
    const activities = { sendEmail: unmarked, chargeCard: unmarked, lookUp: unmarked };
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts, guard: ['sendEmail', /^charge/] })];
    await here.running({ activities, plugins }, async (run) => {
      for (const name of Object.keys(activities)) await run('callAndReplay', name, `named:${name}`);
    });
    expect(effects.length).toBe(1 + 1 + 2);
  });

  it('twice, on the connection and on the worker, makes one claim', async () => {
    const { effects, marked } = counting();
    const { onEvent, types } = events();
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts, onEvent })];
    await here.running(onConnectionToo({ activities: { marked }, plugins }), (run) =>
      run('callOnce', 'marked'),
    );
    expect([effects.length, types()]).toEqual([1, ['claimed', 'settled']]);
  });

  it('guards local activities', async () => {
    const { effects, marked } = counting('local');
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    expect(
      await here.running({ activities: { marked }, plugins }, (run) => run('callLocally', 'marked')),
    ).toBe('local');
    expect(effects.length).toBe(1);
    expect(await here.receipts.list({ limit: 1 })).toMatchObject([
      { requestId: effects[0], state: 'committed' },
    ]);
  });

  it('works for bundles made without the interceptors, and says once what that costs', async () => {
    const { effects, marked } = counting();
    logged.length = 0;
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    await here.running(
      { activities: { marked }, plugins, workflowBundle: await here.bareBundle() },
      async (run) => {
        await run('callOnce', 'marked');
        await run('callOnce', 'marked');
      },
    );
    expect(new Set(effects).size).toBe(2);
    expect(effects[0]).toMatch(/no-header/);
    expect(logged.filter((line) => line.includes('without a request id')).length).toBe(1);
  });

  it('does not make a marked function run in a mocked environment without interceptors', async () => {
    const { effects, marked } = counting();
    await expect(new MockActivityEnvironment().run(marked)).rejects.toMatchObject({
      code: 'GuardNotInstalled',
    });
    expect(effects).toEqual([]);
  });
});

/** Turns every bit around: enough to see whether a codec was used. */
const flip = (data: Uint8Array | null | undefined): Uint8Array =>
  (data ?? new Uint8Array()).map((byte) => byte ^ 0xff);
const codec: PayloadCodec = {
  encode: async (payloads) =>
    payloads.map(({ data, metadata }) => ({
      metadata: { ...metadata, flipped: new Uint8Array(1) },
      data: flip(data),
    })),
  decode: async (payloads) =>
    payloads.map((payload) =>
      payload.metadata?.['flipped'] ? { ...payload, data: flip(payload.data) } : payload,
    ),
};

describe('what a receipt gives back', () => {
  const plugins = (): ActivityGuardPlugin[] => [new ActivityGuardPlugin({ receipts: here.receipts })];

  it.each([
    ['a date', new Date(0)],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['a map, as the default converter writes it', new Map([['a', 1]])],
    ['nested undefined', { a: undefined, b: [undefined] }],
    ['nearly a megabyte', 'x'.repeat(900_000)],
  ])('%s: the workflow sees the replay as it saw the first result', async (name, result) => {
    const { effects, marked } = counting(result);
    const [first, replayed] = await here.running({ activities: { marked }, plugins: plugins() }, (run) =>
      run('callAndReplay', 'marked', `result:${name}`),
    );
    expect([effects.length, replayed]).toEqual([1, first]);
  });

  it('nothing, where the activity returned nothing', async () => {
    const marked = guarded(async () => undefined);
    const results = await here.running({ activities: { marked }, plugins: plugins() }, (run) =>
      run('callAndReplay', 'marked', 'result:nothing'),
    );
    expect(results.map((r) => r ?? 'nothing')).toEqual(['nothing', 'nothing']);
  });

  it("is stored by the worker's own codec", async () => {
    const { effects, marked } = counting({ card: '4242424242424242' });
    const options = { activities: { marked }, plugins: plugins(), dataConverter: { payloadCodecs: [codec] } };
    const results = await here.running(options, (run) => run('callAndReplay', 'marked', 'secret'));
    expect([effects.length, results]).toEqual([
      1,
      [{ card: '4242424242424242' }, { card: '4242424242424242' }],
    ]);
    const receipt = (await here.receipts.list()).find((r) => r.requestId === effects[0]);
    expect(Buffer.from(receipt?.outcome?.bytes ?? []).toString('latin1')).not.toContain('4242');
  });

  it('what cannot be encoded is known to have happened, and does not run again', async () => {
    const { effects, marked } = counting(5n);
    const run = here.running({ activities: { marked }, plugins: plugins() }, (call) =>
      call('callOnce', 'marked'),
    );
    await expect(run).rejects.toMatchObject({
      cause: { cause: { type: 'ResultUnavailable', nonRetryable: true } },
    });
    expect(effects.length).toBe(1);
    expect((await here.receipts.list()).find((r) => r.requestId === effects[0])).toMatchObject({
      state: 'committed',
    });
  });
});

describe('faults around an effect', () => {
  it('a database that is away: the effect does not run', async () => {
    const { effects, marked } = counting();
    const away = pgReceipts({ connectionString: 'postgres://nobody@127.0.0.1:1/none' });
    const activities = { marked };
    const interceptors = {
      activity: activityGuardInterceptors({ receipts: away, activities, waitFor: 100 }).activity,
    };
    const run = here.running({ activities, interceptors }, (call) => call('callOnce', 'marked'));
    await expect(run).rejects.toMatchObject({ cause: { cause: { type: 'ReceiptStoreUnavailable' } } });
    expect(effects).toEqual([]);
    await away.close();
  });

  it('an interceptor inside the guard that retries cannot start the effect twice', async () => {
    const effects: string[] = [];
    const failing = guarded({ onUnknown: 'fail' }, async () => {
      await (effects.push('once'), Promise.reject(new Error('socket hang up')));
    });
    const retrying: ActivityInterceptorsFactory = () => ({
      inbound: { execute: (input, next) => next(input).catch(() => next(input)) },
    });
    const activities = { failing };
    const { activity } = activityGuardInterceptors({ receipts: here.receipts, activities });
    const run = here.running({ activities, interceptors: { activity: [...activity, retrying] } }, (call) =>
      call('callOnce', 'failing'),
    );
    await expect(run).rejects.toMatchObject({ cause: { cause: { type: 'OutcomeUnknown' } } });
    expect(effects).toEqual(['once']);
  });

  it('any failure of the effect is OutcomeUnknown with the original as its cause, also a non-retryable one', async () => {
    const marked = guarded({ onUnknown: 'fail' }, async () => {
      throw ApplicationFailure.nonRetryable('looks harmless', 'Harmless');
    });
    const run = here.running(
      { activities: { marked }, plugins: [new ActivityGuardPlugin({ receipts: here.receipts })] },
      (call) => call('callOnce', 'marked'),
    );
    await expect(run).rejects.toMatchObject({
      cause: { cause: { type: 'OutcomeUnknown', cause: { type: 'Harmless', message: 'looks harmless' } } },
    });
  });

  it('a claim that is lost while the effect runs aborts its signal, and no fence lets it pass', async () => {
    const sql = new Client({ connectionString: here.stack.databaseUrl });
    await sql.connect();
    const seen: unknown[] = [];
    const marked = guarded({ leaseFor: 600, onUnknown: 'fail' }, async () => {
      const claim = currentClaim();
      claim.fence();
      await sql.query('delete from activity_guard.receipts where request_id = $1', [claim.requestId]);
      await new Promise((resolve) => claim.signal.addEventListener('abort', resolve));
      seen.push(claim.epoch, (claim.signal.reason as Error).name);
      claim.fence();
    });
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    const run = here.running({ activities: { marked }, plugins }, (call) => call('callOnce', 'marked'));
    await expect(run).rejects.toMatchObject({ cause: { cause: { type: 'OutcomeUnknown' } } });
    expect(seen).toEqual([1, 'LeaseLostError']);
    await sql.end();
  });

  it('a cancelled workflow is told so at once, and the effect that goes on still gets its receipt', async () => {
    const { promise: accepted, resolve: accept } = deferred();
    const marked = guarded(async () => (await accepted, 'charged'));
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    const claimed = () => here.receipts.list({ limit: 1 }).then(([receipt]) => receipt);
    await here.running({ activities: { marked }, plugins }, async (_run, start) => {
      const handle = await start('callOnce', 'marked');
      await until(async () => (await claimed())?.origin['workflowId'] === handle.workflowId);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(/cancelled/);
      accept();
      await until(async () => (await claimed())?.state === 'committed');
    });
  });

  it('an effect that is cut off by cancellation leaves its outcome unknown, and the workflow is cancelled', async () => {
    const marked = guarded(async () => {
      const { cancelled, heartbeat } = Context.current();
      const beat = setInterval(() => heartbeat('still charging'), 50);
      await cancelled.finally(() => clearInterval(beat));
    });
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    const claimed = () => here.receipts.list({ limit: 1 }).then(([receipt]) => receipt);
    const options = { activities: { marked }, plugins, defaultHeartbeatThrottleInterval: '100ms' } as const;
    await here.running(options, async (_run, start) => {
      const handle = await start('callOnce', 'marked');
      await until(async () => (await claimed())?.origin['workflowId'] === handle.workflowId);
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow(/cancelled/);
      await until(async () => (await claimed())?.state === 'unknown');
    });
  });

  it('a worker that shuts down while an effect runs lets it end and settles it', async () => {
    const effects: string[] = [];
    const { promise: begun, resolve: begin } = deferred();
    const marked = guarded(async () => {
      effects.push(requestId());
      begin();
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    const plugins = [new ActivityGuardPlugin({ receipts: here.receipts })];
    const options = { activities: { marked }, plugins, shutdownGraceTime: '5s' } as const;
    await here.running(options, async (_run, start) => {
      await start('callOnce', 'marked');
      await begun;
    });
    expect((await here.receipts.list()).find((r) => r.requestId === effects[0])).toMatchObject({
      state: 'committed',
    });
  });
});

/** Waits for something to become so; bounded by the test's own time. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** A promise to be resolved from outside. */
function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
