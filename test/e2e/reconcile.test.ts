/** Outcomes that workers find out by themselves: from Temporal's history, by probes, and who waits goes on at once. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SimplePlugin } from '@temporalio/plugin';
import type { WorkerOptions } from '@temporalio/worker';

import { committed, notCommitted, undetermined, type Receipt } from 'activity-guard';
import { guarded } from 'activity-guard/activity';
import { TemporalHistoryEvidence, wakeWaiting } from 'activity-guard/client';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { runCli } from '../support/cli-process';
import { unsettled } from '../support/unsettled';
import { until } from '../support/waiting';
import { WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => (here = await WorkerHere.start()));
afterAll(() => here.stop());

/** What the provider did, in order. */
const effects: string[] = [];
const count = (id: string): number => effects.filter((e) => e === id).length;
const ids = {
  leaseFor: 500,
  graceFor: 300,
  waitFor: 100,
  requestId: (what: string): string => what,
} as const;

const options = (activity: unknown, more: object = {}): Partial<WorkerOptions> => ({
  activities: { act: activity as never },
  plugins: [new ActivityGuardPlugin({ receipts: here.receipts, ...more })],
});

const receiptOf = async (id: string): Promise<Receipt> => {
  const receipt = await here.receipt(id);
  if (!receipt) throw new Error(`there is no receipt of ${id}`);
  return receipt;
};

describe("Temporal's history", () => {
  /** A call whose receipt could not be written, although Temporal has its result. */
  async function unwritten(id: string, more: Partial<WorkerOptions> = {}): Promise<Receipt> {
    const act = guarded(ids, async (what: string) => (effects.push(what), { charge: what, total: 3 }));
    const receipts = unsettled(here.receipts);
    await here.running(
      { ...options(act), plugins: [new ActivityGuardPlugin({ receipts })], ...more },
      (run) => run('callBriefly', 'act', id),
    );
    const receipt = await receiptOf(id);
    expect(receipt.state).toBe('claimed');
    return receipt;
  }

  // Mutation: a worker that does not look, or a receipt without the result.
  it('settles what Temporal knows and the receipts do not, with its result, and nothing runs again', async () => {
    const id = randomUUID();
    await unwritten(id);
    const act = guarded(ids, async (what: string) => (effects.push(what), { charge: 'another' }));
    await here.running(options(act, { reconcile: true }), async (run) => {
      await until(async () => (await receiptOf(id)).state === 'committed');
      expect(await run('callBriefly', 'act', id)).toEqual({ charge: id, total: 3 });
    });
    expect(count(id)).toBe(1);
  });

  it('proves nothing of what has not ended, has failed, or is gone', async () => {
    const { client } = here.stack.env;
    const history = new TemporalHistoryEvidence({ client });
    const receipt = await unwritten(randomUUID());
    const { signal } = new AbortController();
    expect(history.covers(receipt)).toBe(true);
    expect(await history.ask(receipt, signal)).toMatchObject({ verdict: 'committed' });
    const { origin } = receipt;
    for (const [other, note] of [
      [{ ...origin, runId: randomUUID() }, /not found/],
      [{ ...origin, activityId: '99' }, /does not show the activity/],
    ] as const)
      expect(await history.ask({ ...receipt, origin: other }, signal)).toMatchObject({
        ...{ verdict: 'undetermined', note: expect.stringMatching(note) },
      });
    for (const other of [
      { ...origin, step: 'mail' },
      { ...origin, local: 'yes' },
      { ...origin, temporalNamespace: 'another' },
    ])
      expect(history.covers({ ...receipt, origin: other })).toBe(false);
  });

  // Mutation: a history that is believed although another interceptor may have answered in the guard's place.
  it('is not a witness where another interceptor stands before the guard', async () => {
    class Outer extends SimplePlugin {
      override configureWorker(given: WorkerOptions): WorkerOptions {
        const configured = super.configureWorker(given);
        const { interceptors } = configured;
        const outer = () => ({
          inbound: { execute: (input: never, next: (i: never) => unknown) => next(input) },
        });
        const activity = [outer as never, ...(interceptors?.activity ?? [])];
        return { ...configured, interceptors: { ...interceptors, activity } };
      }
    }
    const receipts = unsettled(here.receipts);
    const outer = new Outer({ name: 'outer' });
    const receipt = await unwritten(randomUUID(), {
      plugins: [new ActivityGuardPlugin({ receipts }), outer],
    });
    expect(receipt.origin['outermost']).toBeUndefined();
    expect(new TemporalHistoryEvidence({ client: here.stack.env.client }).covers(receipt)).toBe(false);
  });
});

describe('a worker that reconciles', () => {
  // Mutation: one that does not wake who waits: the fifth attempt would come after more than 15 s.
  it('asks the probe with the arguments of the call, and has the activity go on', async () => {
    const id = randomUUID();
    let isIndexed = false;
    const asked: unknown[] = [];
    const probe = ({ payload }: { payload: unknown }) => {
      asked.push(payload);
      return isIndexed ? committed('found') : undetermined();
    };
    const act = guarded({ ...ids, onUnknown: probe as never }, async (what: string) => {
      effects.push(what);
      throw new Error('socket hang up');
    });
    const result = await here.running(options(act, { reconcile: true }), async (_run, start) => {
      const handle = await start('callBriefly', 'act', id);
      await until(() => asked.length > 3);
      isIndexed = true;
      return handle.result();
    });
    expect([result, count(id), new Set(asked.map((p) => JSON.stringify(p))).size]).toEqual(['found', 1, 1]);
  });

  it('releases what the probe did not find after the grace time, also where nobody waits any more', async () => {
    const id = randomUUID();
    const probe = () => notCommitted();
    const act = guarded({ ...ids, onUnknown: probe }, async (_what: string) => {
      throw new Error('socket hang up');
    });
    await here.running(options(act), async (_run, start) => {
      const handle = await start('callBriefly', 'act', id);
      await until(async () => (await here.receipt(id))?.state === 'unknown');
      await handle.terminate();
    });
    await here.running(options(act, { reconcile: true }), () =>
      until(async () => (await receiptOf(id)).state === 'released'),
    );
    const evidence = (await here.receipts.get((await receiptOf(id)).key))?.evidence ?? [];
    expect(evidence.at(-1)).toMatchObject({ source: 'probe', verdict: 'not-committed' });
  });
});

describe('who waits for an outcome', () => {
  it('goes on at once when it is woken', async () => {
    const id = randomUUID();
    const act = guarded(ids, async (what: string) => {
      effects.push(what);
      throw new Error('socket hang up');
    });
    const { client } = here.stack.env;
    const tookMs = await here.running(options(act), async (_run, start) => {
      const handle = await start('callBriefly', 'act', id);
      // Four attempts, and the fifth is eight seconds away.
      await until(async () => Number((await handle.describe()).raw.pendingActivities?.[0]?.attempt) === 5);
      const receipt = await receiptOf(id);
      const outcome = { format: 'json', bytes: new TextEncoder().encode('"seen"') };
      await here.receipts.resolve({
        key: receipt.key,
        epoch: 1,
        verdict: 'committed',
        source: 'operator',
        outcome,
      });
      const from = performance.now();
      expect(await wakeWaiting(client, receipt)).toBe('activity');
      expect(await handle.result()).toBe('seen');
      return performance.now() - from;
    });
    expect(tookMs).toBeLessThan(4000);
    expect(count(id)).toBe(1);
    expect(await wakeWaiting(client, await receiptOf(id))).toBe('none');
  });
});

describe('the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'probes-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const cli = async (...args: string[]): Promise<unknown> => {
    const env = {
      ...{ DATABASE_URL: here.stack.databaseUrl, TEMPORAL_ADDRESS: here.stack.temporalAddress },
      TEMPORAL_NAMESPACE: here.stack.temporalNamespace,
    };
    const { code, out, err } = await runCli([...args, '--json'], { env });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out);
  };

  /** An activity that nobody knows of what became, with eight seconds until its next attempt. */
  async function backingOff(id: string, work: () => Promise<void>): Promise<{ result: unknown; ms: number }> {
    const act = guarded(ids, async (what: string) => {
      effects.push(what);
      throw new Error('socket hang up');
    });
    return here.running(options(act), async (_run, start) => {
      const handle = await start('callBriefly', 'act', id);
      await until(async () => Number((await handle.describe()).raw.pendingActivities?.[0]?.attempt) === 5);
      await work();
      const from = performance.now();
      return { result: await handle.result(), ms: performance.now() - from };
    });
  }

  // Mutation: a decision of which nobody hears: the activity would wait for eight seconds.
  it('wakes the activity that waits for a decision', async () => {
    const id = randomUUID();
    const { result, ms } = await backingOff(id, async () => {
      const { token } = (await cli('show', id)) as { token: string };
      const decision = ['--committed', '--result', '"seen"', '--token', token, '--reason', 'in the console'];
      expect(await cli('resolve', id, ...decision)).toMatchObject({ resolved: true, woken: 'activity' });
    });
    expect([result, count(id)]).toEqual(['seen', 1]);
    expect(ms).toBeLessThan(4000);
    const { token } = (await cli('show', id)) as { token: string };
    const again = ['--token', token, '--reason', 'once more'];
    expect(await cli('supersede', id, ...again)).toEqual({ requestId: id, superseded: true, woken: 'none' });
  });

  it('asks the probes of a module with the arguments of the call, and has the activity go on', async () => {
    const id = randomUUID();
    const probes = join(folder, 'probes.mjs');
    writeFileSync(
      probes,
      `export const probes = { act: ({ requestId, payload }) =>
        requestId === '${id}' ? { verdict: 'committed', result: { payload } } : { verdict: 'undetermined' } };`,
    );
    const { result, ms } = await backingOff(id, async () => {
      expect(await cli('reconcile', '--probes', probes)).toMatchObject({ failed: 0 });
    });
    expect([result, count(id)]).toEqual([{ payload: [id] }, 1]);
    expect(ms).toBeLessThan(4000);
  });
});
