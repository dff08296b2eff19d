/** Effects that are not a whole activity: steps, transactions, and what is completed from elsewhere. */
import { randomUUID } from 'node:crypto';

import { CompleteAsyncError, Context } from '@temporalio/activity';
import type { ApplicationFailure } from '@temporalio/common';

import { NotCommittedError, RejectedError } from 'activity-guard';
import { currentClaim, effect, guarded, requestId, type StepOptions } from 'activity-guard/activity';
import { GuardedCompletion } from 'activity-guard/client';
import { ActivityGuardPlugin } from 'activity-guard/worker';
import { hashOfWrittenId, receiptKey } from '../../src/ids';
import { WorkerHere } from '../support/worker-here';

let here: WorkerHere;
beforeAll(async () => {
  here = await WorkerHere.start();
});
afterAll(() => here.stop());

const guard = () => [new ActivityGuardPlugin({ receipts: here.receipts })];
const stateOf = async (id: string): Promise<string | undefined> =>
  (await here.receipts.get(receiptKey('default', hashOfWrittenId(id))))?.receipt.state;

/** The type of the failure that the workflow saw, and its cause's. */
const failureOf = async (work: Promise<unknown>): Promise<(string | undefined)[]> => {
  const error = (await work.catch((e: unknown) => e)) as { cause?: { cause?: ApplicationFailure } };
  const failure = error.cause?.cause;
  return [failure?.type ?? undefined, (failure?.cause as ApplicationFailure | undefined)?.type ?? undefined];
};

describe('the steps of an activity', () => {
  // Mutation: steps that run again, or that share one id.
  it('happen once each, although the rest of it fails and is retried', async () => {
    const sent: string[] = [];
    let attempts = 0;
    const checkOut = async (order: string): Promise<unknown[]> => {
      attempts++;
      const charge = await effect('charge', async (claim) => {
        sent.push(claim.requestId);
        return { id: `ch_${order}`, at: claim.epoch };
      });
      if (attempts === 1) throw new Error('a bug between the steps');
      const mail = await effect('mail', () => {
        sent.push(requestId());
        return `mailed ${order}`;
      });
      if (attempts === 2) throw new Error('a bug after the steps');
      return [charge, mail];
    };
    const result = await here.running({ activities: { checkOut }, plugins: guard() }, (run) =>
      run('callOnce', 'checkOut', 'o1'),
    );
    expect([result, attempts]).toEqual([[{ id: 'ch_o1', at: 1 }, 'mailed o1'], 3]);
    expect(sent).toEqual([expect.stringMatching(/\/6:charge$/), expect.stringMatching(/\/4:mail$/)]);
    expect(await Promise.all(sent.map(stateOf))).toEqual(['committed', 'committed']);
    const [receipt] = await here.receipts.list({ limit: 1 });
    expect(receipt).toMatchObject({ action: 'checkOut/mail' });
  });

  it('that are refused are refused again with the same failure, and not asked again', async () => {
    let asked = 0;
    const pay = async (): Promise<unknown> =>
      effect('pay', () => {
        asked++;
        throw new RejectedError('declined', { type: 'CardDeclined', details: ['05'] });
      });
    const payTwice = async (): Promise<unknown> => {
      await pay().catch(() => undefined);
      throw new Error('again');
    };
    const plugins = guard();
    await here.running({ activities: { payTwice, pay }, plugins }, async (run) => {
      expect(await failureOf(run('callOnce', 'pay'))).toEqual(['CardDeclined', 'ActivityGuardRejected']);
      expect(await failureOf(run('callOnce', 'payTwice'))).toEqual(['Error', undefined]);
    });
    expect(asked).toBe(2); // one for each workflow, whatever the attempts
  });

  it('keep the activity pending while one is unknown', async () => {
    let sent = 0;
    const options: StepOptions<string> = {
      ...{ leaseFor: 500, graceFor: 100 },
      onUnknown: ({ requestId: id }) => ({ verdict: 'committed', result: `found ${id.slice(-8)}` }),
    };
    const pay = async (): Promise<unknown> =>
      effect(
        'pay',
        async (): Promise<string> => {
          sent++;
          throw new Error('socket hang up');
        },
        options,
      );
    const result = await here.running({ activities: { pay }, plugins: guard() }, (run) =>
      run('callOnce', 'pay'),
    );
    expect([result, sent]).toEqual([expect.stringMatching(/^found .*3:pay$/), 1]);
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['twice under one name', () => effect('a', () => 1).then(() => effect('a', () => 2)), 'InvalidRequest'],
    ['without a name', () => effect('', () => 1), 'InvalidRequest'],
    [
      'inside another step',
      () => effect('a', () => effect('b', () => 1), { onUnknown: 'fail' }),
      'OutcomeUnknown',
    ],
    [
      'inside a guarded activity',
      guarded({ onUnknown: 'fail' }, () => effect('a', () => 1)),
      'OutcomeUnknown',
    ],
    ['with a guarded function in an activity', () => guarded(async () => 1)(), 'GuardNotInstalledError'],
  ])('called %s are refused', async (_what, wrong, type) => {
    const activities = { wrong: wrong };
    const started = here.running({ activities, plugins: guard() }, (run) => run('callOnce', 'wrong'));
    expect((await failureOf(started))[0]).toBe(type);
  });

  it('outside a worker with the guard do not run', async () => {
    await expect(effect('a', () => 1)).rejects.toMatchObject({ code: 'GuardNotInstalled' });
  });
});

describe('a transactional activity', () => {
  it('commits with its receipt, and its failures are retried', async () => {
    let attempts = 0;
    const book = guarded({ transactional: true }, async (order: string) =>
      here.receipts.transaction(async (tx) => {
        await tx.query('create table if not exists bookings (order_id text)');
        await tx.query('insert into bookings values ($1)', [order]);
        if (++attempts === 1) throw new Error('deadlock detected');
        return { booked: order };
      }),
    );
    const order = randomUUID();
    const results = await here.running({ activities: { book }, plugins: guard() }, (run) =>
      run('callAndReplay', 'book', `book:${order}`, order),
    );
    expect([results, attempts]).toEqual([[{ booked: order }, { booked: order }], 2]);
  });
});

describe('an activity that is completed from elsewhere', () => {
  interface Pending {
    readonly taskToken: Uint8Array;
    readonly requestId: string;
    readonly epoch: number;
  }
  /** An activity that hands its work over, and what it handed over, in order. */
  function handingOver() {
    const pending: Pending[] = [];
    const handOver = guarded({ leaseFor: 500, waitFor: 200 }, async (): Promise<string> => {
      pending.push({
        taskToken: Context.current().info.taskToken,
        requestId: requestId(),
        epoch: currentClaim().epoch,
      });
      throw new CompleteAsyncError();
    });
    return { pending, handOver };
  }
  const completion = (): GuardedCompletion =>
    new GuardedCompletion({ activity: here.stack.env.client.activity, receipts: here.receipts });
  const until = async (condition: () => Promise<boolean> | boolean): Promise<void> => {
    for (let i = 0; i < 200 && !(await condition()); i++) await new Promise((r) => setTimeout(r, 25));
  };
  const first = async (pending: Pending[]): Promise<Pending> => {
    await until(async () => (await stateOf(pending[0]?.requestId ?? '')) === 'delegated');
    const [handed] = pending;
    if (!handed) throw new Error('nothing was handed over');
    return handed;
  };

  // Mutation: a delegated claim that lapses with its lease.
  it('keeps its claim past its lease, and its receipt is settled with the completion', async () => {
    const { pending, handOver } = handingOver();
    const results = await here.running({ activities: { handOver }, plugins: guard() }, async (run) => {
      const result = run('callAndReplay', 'handOver', `hand:${randomUUID()}`);
      const claim = await first(pending);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(await stateOf(claim.requestId)).toBe('delegated');
      expect(await completion().complete(claim, claim.taskToken, 'done elsewhere')).toEqual({
        ...{ receipt: 'committed', reported: true },
      });
      expect(await completion().complete(claim, claim.taskToken, 'another result')).toMatchObject({
        reported: false,
      });
      return result;
    });
    expect([results, pending.length]).toEqual([['done elsewhere', 'done elsewhere'], 1]);
  });

  it('is not lost when the completion comes after Temporal gave the attempt up', async () => {
    const { pending, handOver } = handingOver();
    const result = await here.running({ activities: { handOver }, plugins: guard() }, async (run) => {
      const running = run('callBriefly', 'handOver');
      const claim = await first(pending);
      await new Promise((resolve) => setTimeout(resolve, 2500)); // its start-to-close time is over
      expect(await completion().complete(claim, claim.taskToken, 'late')).toEqual({
        receipt: 'committed',
        reported: false,
      });
      return running;
    });
    expect([result, pending.length]).toEqual(['late', 1]);
  });

  it('is settled by a completion that comes before the activity has said that it hands over', async () => {
    const { pending } = handingOver();
    const hasty = guarded(async (): Promise<string> => {
      const handed = { taskToken: Context.current().info.taskToken, requestId: requestId(), epoch: 1 };
      pending.push(handed);
      await completion().complete(handed, handed.taskToken, 'hasty');
      throw new CompleteAsyncError();
    });
    const results = await here.running({ activities: { hasty }, plugins: guard() }, (run) =>
      run('callAndReplay', 'hasty', `hasty:${randomUUID()}`),
    );
    expect([results, pending.length]).toEqual([['hasty', 'hasty'], 1]);
  });

  it('fails as the completion says: refused for good, not happened, or unknown', async () => {
    const { pending, handOver } = handingOver();
    await here.running({ activities: { handOver }, plugins: guard() }, async (run) => {
      const failing = failureOf(run('callOnce', 'handOver'));
      const one = await first(pending);
      await completion().fail(one, one.taskToken, new NotCommittedError('the queue was full'));
      await until(() => pending.length === 2);
      const two = pending[1] ?? one;
      expect([two.requestId, two.epoch]).toEqual([one.requestId, 2]);
      await until(async () => (await stateOf(two.requestId)) === 'delegated');
      await completion().fail(two, two.taskToken, new RejectedError('no', { type: 'Declined' }));
      expect(await failing).toEqual(['Declined', 'ActivityGuardRejected']);
      expect(await stateOf(two.requestId)).toBe('rejected');
    });

    const other = handingOver();
    await here.running(
      { activities: { handOver: other.handOver }, plugins: guard() },
      async (_run, start) => {
        const handle = await start('callOnce', 'handOver');
        const claim = await first(other.pending);
        expect(await completion().fail(claim, claim.taskToken, new Error('the line broke'))).toEqual({
          ...{ receipt: 'unknown', reported: true },
        });
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect([await stateOf(claim.requestId), other.pending.length]).toEqual(['unknown', 1]);
        await handle.terminate();
      },
    );
  });

  it('whose cancellation is reported from elsewhere is unknown', async () => {
    const { pending, handOver } = handingOver();
    await here.running({ activities: { handOver }, plugins: guard() }, async (_run, start) => {
      const handle = await start('callOnce', 'handOver');
      const claim = await first(pending);
      await handle.cancel();
      await until(async () => {
        const told = await completion()
          .reportCancellation(claim, claim.taskToken)
          .catch(() => undefined);
        return told !== undefined;
      });
      expect(await stateOf(claim.requestId)).toBe('unknown');
    });
  });

  it('is refused for an id that nobody has', async () => {
    const stranger = completion().complete({ requestId: 'nobody:1', epoch: 1 }, new Uint8Array([1]), 1);
    await expect(stranger).rejects.toMatchObject({ code: 'InvalidRequest', requestId: 'nobody:1' });
  });
});

describe('a generation', () => {
  it('runs only over a rejection, with an id of its own', async () => {
    const asked: string[] = [];
    const pay = guarded(
      { requestId: (order: string) => `pay:${order}`, generation: (_order, _card, attempt) => attempt },
      async (_order: string, card: string, _attempt: number): Promise<string> => {
        asked.push(requestId());
        if (card === 'empty') throw new RejectedError('no funds', { type: 'NoFunds' });
        return `paid with ${card}`;
      },
    );
    const order = randomUUID();
    await here.running({ activities: { pay }, plugins: guard() }, async (run) => {
      expect(await failureOf(run('callOnce', 'pay', order, 'empty', 1))).toEqual([
        ...['NoFunds', 'ActivityGuardRejected'],
      ]);
      expect(await run('callOnce', 'pay', order, 'full', 2)).toBe('paid with full');
      expect(await run('callOnce', 'pay', order, 'full', 2)).toBe('paid with full');
      expect((await failureOf(run('callOnce', 'pay', order, 'other', 2)))[0]).toBe('RequestIdReused');
      expect((await failureOf(run('callOnce', 'pay', order, 'full', 0)))[0]).toBe('InvalidRequest');
    });
    expect(asked).toEqual([`pay:${order}`, `pay:${order}~g2`]);
  });
});
