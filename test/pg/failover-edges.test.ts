/** What is known of a claim that a failover lost, besides that its row is missing. */
import { randomUUID } from 'node:crypto';

import { Guard } from '../../src';
import { hashRequestId, receiptKey } from '../../src/ids';
import type { GuardedCall } from '../../src/core';
import { callFor, engineOver } from '../support/pg-engine';
import { outcomeOf, read, requestFor, newId } from '../contract/rows';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

describe('a claim that a failover lost', () => {
  let scratch: ScratchSchema;
  beforeEach(async () => (scratch = await scratchSchema()));
  afterEach(() => scratch.close());

  const run = async (more: Partial<GuardedCall>) => {
    let effects = 0;
    const call = callFor(async (effect) => {
      effect.begin();
      return ++effects;
    }, more);
    const ended = await engineOver(scratch.open())
      .run(call)
      .then(
        ({ kind }) => kind,
        ({ code }: { code: string }) => code,
      );
    return { ended, effects };
  };

  // The provider has forgotten the key of the lost attempt.
  it("is as old as it may be: 'retry' holds once the provider's keys are over", async () => {
    await scratch.pool.query(
      `update ${scratch.schema}.timelines set seen_at = clock_timestamp() - interval '1 hour'`,
    );
    const day = 86_400_000;
    const terms = { onUnknown: 'retry', providerKeyTtlMs: day } as const;
    expect(await run({ ...terms, mayBeOlderMs: 2 * day })).toEqual({ ended: 'OutcomeUnknown', effects: 0 });
  });

  // Mutation: one that is as old as it may be, which no sweep comes by any more, and that is not queued.
  it('is seen, and reconciled, though what is so old was gone through before', async () => {
    const store = scratch.open();
    await store.takeDue({ limit: 10, holdMs: 0 });
    await scratch.pool.query(
      `update ${scratch.schema}.timelines set seen_at = clock_timestamp() - interval '1 hour'`,
    );
    expect(await run({ mayBeOlderMs: 86_400_000 })).toEqual({ ended: 'OutcomeUnknown', effects: 0 });
    expect(await store.outstanding(10)).toHaveLength(1);
    await scratch.pool.query(`update ${scratch.schema}.queue set look_at = clock_timestamp()`);
    expect(await store.takeDue({ limit: 10, holdMs: 0 })).toHaveLength(1);
  });

  // Mutation: a guard that does not say how old its call may be.
  it('is unknown for a caller without Temporal that says how old its call may be', async () => {
    await scratch.pool.query(
      `update ${scratch.schema}.timelines set seen_at = clock_timestamp() - interval '1 hour'`,
    );
    const guard = new Guard({ receipts: scratch.open() });
    const ending = (mayBeOlder?: string) =>
      guard
        .execute({
          ...{ requestId: randomUUID(), action: 'charge', run: () => 1 },
          ...(mayBeOlder === undefined ? {} : { mayBeOlder }),
        })
        .then(
          ({ reason }) => reason,
          ({ code }: { code: string }) => code,
        );
    expect([await ending('2h'), await ending('30m'), await ending()]).toEqual([
      ...['OutcomeUnknown', 'executed', 'executed'],
    ]);
    expect(await ending('soon')).toBe('InvalidRequest');
  });

  // Its holder settled: the receipt of what happened stands beside the row that is missing.
  it.each([
    ['a first attempt', {}],
    ['one that was made before, though nothing failed over since', { mayBeOlderMs: 1000 }],
  ])('but whose late result is known runs for nobody, not even %s', async (_which, more) => {
    const requestId = `invoice:${randomUUID()}`;
    const key = receiptKey('default', hashRequestId(requestId));
    const store = scratch.open();
    const settlement = { key, token: randomUUID(), epoch: 1, state: 'committed' } as const;
    expect(await store.settle({ ...settlement, outcome: outcomeOf('["paid"]') })).toBe('late');
    expect(await run({ requestId, ...more })).toMatchObject({ effects: 0 });
  });
});

describe('a role that may only use the tables', () => {
  it('notices a failover', async () => {
    const scratch = await scratchSchema();
    const role = `role_${randomUUID().replaceAll('-', '')}`;
    const { schema, pool } = scratch;
    const client = await pool.connect();
    try {
      await client.query(`create role ${role}; grant usage on schema ${schema} to ${role};
        grant select, insert, update on all tables in schema ${schema} to ${role}; set role ${role}`);
      const { rows } = await client.query(`select ${schema}.current_timeline() as id`);
      expect(rows).toEqual([{ id: expect.any(String) }]);
    } finally {
      await client.query(`reset role; drop owned by ${role}; drop role ${role}`);
      client.release();
      await scratch.close();
    }
  });
});

describe('pruning', () => {
  it('is not stopped by one receipt that is kept for ever', async () => {
    const scratch = await scratchSchema();
    try {
      const store = scratch.open();
      for (const retainMs of [Number.MAX_SAFE_INTEGER, undefined]) {
        const request = requestFor(newId(), { retainMs });
        await store.claim(request);
        await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('1') });
        expect((await read(store, request)).receipt.state).toBe('committed');
      }
      expect(await store.prune({ retainMs: 0 })).toBe(1);
    } finally {
      await scratch.close();
    }
  });
});
