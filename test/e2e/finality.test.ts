/** A workflow that waits until an outcome is final, and what sources say meanwhile. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { recordEvidence, type ReportedEvidence } from 'activity-guard';
import { guarded, requestId } from 'activity-guard/activity';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { receiptKey, hashRequestId } from '../../src/ids';
import { awaitNothing, tradeThenPayOut } from '../fixtures/finality-workflows';
import { until } from '../support/waiting';
import { WorkerHere, type AnyStarter } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => (here = await WorkerHere.start(require.resolve('../fixtures/finality-workflows'))));
afterAll(() => here.stop());

const ids = new Map<string, string>();
const paidOut: string[] = [];
const activities = {
  trade: guarded(
    { finality: { sources: ['clearing', 'bank'], quorum: 2, after: 200 } },
    async (order: string) => (ids.set(order, requestId()), `traded ${order}`),
  ),
  payOut: guarded(async (order: string) => (paidOut.push(order), 'paid out')),
};

const withWorker = <T>(work: (start: AnyStarter) => Promise<T>): Promise<T> =>
  here.starting({ activities, plugins: [new ActivityGuardPlugin({ receipts: here.receipts })] }, work);

const say = (order: string, source: string, verdict: ReportedEvidence['verdict']) =>
  recordEvidence(here.receipts, { requestId: ids.get(order) ?? '', source, verdict });

describe('a workflow that waits until an outcome is final', () => {
  // Mutations: final with one source of two, or over a contradiction.
  it('goes on when enough sources agree, and not before', async () => {
    const order = randomUUID();
    await withWorker(async (start) => {
      const handle = await start(tradeThenPayOut, order);
      await until(() => ids.has(order));
      await say(order, 'clearing', 'committed');
      await delay(1500);
      expect(paidOut).not.toContain(order);
      await say(order, 'bank', 'committed');
      expect(await handle.result()).toEqual([`traded ${order}`, 'committed', 'paid out']);
    });
    expect(await say(order, 'bank', 'rejected')).toEqual({
      state: 'committed',
      contested: false,
      late: true,
    });
  });

  it('waits for a person where they contradict each other, and keeps the result', async () => {
    const order = randomUUID();
    await withWorker(async (start) => {
      const handle = await start(tradeThenPayOut, order);
      await until(() => ids.has(order));
      const key = receiptKey('default', hashRequestId(ids.get(order) ?? ''));
      await until(async () => (await here.receipts.get(key))?.receipt.state === 'committed');
      await say(order, 'clearing', 'committed');
      expect(await say(order, 'bank', 'rejected')).toEqual({
        state: 'committed',
        contested: true,
        late: false,
      });
      await delay(1500);
      expect(paidOut).not.toContain(order);
      await here.receipts.resolve({ key, epoch: 1, verdict: 'committed', source: 'operator', by: 'Ann' });
      expect(await handle.result()).toEqual([`traded ${order}`, 'committed', 'paid out']);
    });
  });

  it('is told where there is no such receipt', async () => {
    await withWorker(async (start) => {
      const handle = await start(awaitNothing);
      await expect(handle.result()).rejects.toMatchObject({
        cause: {
          cause: {
            type: 'InvalidRequest',
            message: expect.stringMatching(/no receipt has request id nothing/),
          },
        },
      });
    });
  });
});
