import type postgres from 'postgres';

import { receiptKey, hashRequestId } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts, type PostgresReceipts } from '../../src/stores/postgres-js';
import type { GuardEngine, GuardedCall } from '../../src/core';
import { callFor, engineOver } from '../support/pg-engine';
import { databaseUrl, newPool, newSchemaName, rewrite } from '../support/scratch-schema';

/** What the tests need of a driver: its store, a way to book in a transaction, and a way to cut its connection. */
interface Side {
  readonly receipts: PostgresReceipts;
  /** Books `order` in the running transaction and returns the process id of its connection. */
  book(tx: unknown, order: string): Promise<number>;
  close(): Promise<void>;
}

const sides: Record<string, (schema: string) => Side> = {
  pg: (schema) => {
    const pool = newPool({ max: 6 });
    const receipts = pgReceipts(pool, { schema });
    return {
      receipts,
      book: async (tx, order) => {
        const client = tx as Parameters<Parameters<typeof receipts.transaction>[0]>[0];
        const text = `insert into ${schema}.bookings values ($1) returning pg_backend_pid() as pid`;
        return (await client.query<{ pid: number }>(text, [order])).rows[0]?.pid ?? 0;
      },
      close: async () => pool.end(),
    };
  },
  'postgres.js': (schema) => {
    const receipts = postgresReceipts(databaseUrl(), { schema });
    return {
      receipts,
      book: async (tx, order) => {
        const text = `insert into ${schema}.bookings values ($1) returning pg_backend_pid() as pid`;
        const [row] = await (tx as postgres.TransactionSql).unsafe<{ pid: number }[]>(text, [order]);
        return row?.pid ?? 0;
      },
      close: async () => receipts.close(),
    };
  },
};

describe.each(Object.keys(sides))('a transactional effect through %s', (name) => {
  const schema = newSchemaName();
  const admin = newPool({ max: 2 });
  let side: Side;
  let engine: GuardEngine;

  beforeAll(async () => {
    const made = sides[name]?.(schema);
    if (!made) throw new Error(name);
    side = made;
    await side.receipts.migrate();
    await admin.query(`create table ${schema}.bookings (order_id text)`);
    engine = engineOver(side.receipts);
  });
  afterAll(async () => {
    await side.close();
    await admin.query(`drop schema ${schema} cascade`);
    await admin.end();
  });

  const bookings = async (order: string): Promise<number> =>
    (await admin.query(`select from ${schema}.bookings where order_id = $1`, [order])).rowCount ?? 0;

  const state = async ({ requestId }: GuardedCall): Promise<string | undefined> =>
    (await side.receipts.get(receiptKey('default', hashRequestId(requestId))))?.receipt.state;

  /** A call that books its own id; `meanwhile` runs before the commit, with the connection's process id. */
  function booking(
    meanwhile: (pid: number) => Promise<void> = async () => undefined,
    more: Partial<GuardedCall> = {},
  ): GuardedCall {
    const call = callFor(
      async (effect) => {
        effect.begin();
        return side.receipts.transaction(async (tx) => {
          await meanwhile(await side.book(tx, effect.requestId));
          return { booked: effect.requestId };
        });
      },
      { transactional: true, ...more },
    );
    return call;
  }

  it('commits with its receipt, and is replayed from it', async () => {
    const call = booking();
    const outcome = { kind: 'result', value: { booked: call.requestId } };
    expect(await engine.run(call)).toMatchObject({ ...outcome, replayed: false });
    expect(await engine.run(call)).toMatchObject({ ...outcome, replayed: true });
    expect([await bookings(call.requestId), await state(call)]).toEqual([1, 'committed']);
  });

  it('that throws leaves neither, and runs again', async () => {
    let attempts = 0;
    const call = booking(async () => {
      if (++attempts === 1) throw new Error('a check of ours failed');
    });
    await expect(engine.run(call)).rejects.toMatchObject({
      ...{ code: 'NotCommitted', message: 'a check of ours failed' },
    });
    expect([await bookings(call.requestId), await state(call)]).toEqual([0, 'released']);
    await engine.run(call);
    expect([await bookings(call.requestId), await state(call)]).toEqual([1, 'committed']);
  });

  it('whose result cannot be stored leaves neither', async () => {
    const call = {
      ...booking(),
      codec: { ...booking().codec, encodeResult: () => Promise.reject(new TypeError('bigint')) },
    };
    await expect(engine.run(call)).rejects.toMatchObject({ code: 'NotCommitted' });
    expect([await bookings(call.requestId), await state(call)]).toEqual([0, 'released']);
  });

  it('whose connection is cut before the commit leaves neither, and runs again', async () => {
    let attempts = 0;
    const call = booking(async (pid) => {
      if (++attempts === 1) await admin.query('select pg_terminate_backend($1)', [pid]);
    });
    await expect(engine.run(call)).rejects.toMatchObject({ code: 'NotCommitted' });
    expect([await bookings(call.requestId), await state(call)]).toEqual([0, 'released']);
    await engine.run(call);
    expect(await bookings(call.requestId)).toBe(1);
  });

  // Mutations: a settle that looks at the key alone; a lost lease of a transaction as unknown.
  it('of a zombie rolls back when somebody else has booked since, and gets that result', async () => {
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const slow = booking(async () => gate, { leaseMs: 500 });
    // A process that is paused renews nothing.
    const renew = { value: () => new Promise(() => undefined) };
    const frozen = engineOver(Object.create(side.receipts, { renew }) as PostgresReceipts);
    const zombie = frozen.run(slow);
    const quick = booking(undefined, { requestId: slow.requestId, waitMs: 5000 });
    expect(await engine.run(quick)).toMatchObject({ value: { booked: slow.requestId }, replayed: false });
    go();
    expect(await zombie).toMatchObject({ value: { booked: slow.requestId }, replayed: true });
    expect(await bookings(slow.requestId)).toBe(1);
  });

  // Mutations: committing without the receipt; a receipt that is written whoever holds the claim. No clock of the
  // holder's has noticed anything here: only the statement in its transaction can.
  it.each([
    ['another one', 'claimed', 'InFlight', 'token = gen_random_uuid(), epoch = epoch + 1'],
    ['given back', 'released', 'NotCommitted', "state = 'released'"],
    ['superseded', 'superseded', 'InFlight', "state = 'superseded', settled_at = now()"],
    ['not transactional', 'released', 'LeaseLost', 'transactional = false'],
  ])('whose claim is %s by now rolls back', async (_what, stateThen, code, change) => {
    const call = booking(async () => {
      await rewrite(admin, `update ${schema}.receipts set ${change} where request_id = '${call.requestId}'`);
    });
    await expect(engine.run(call)).rejects.toMatchObject({ code });
    expect([await bookings(call.requestId), await state(call)]).toEqual([0, stateThen]);
  });

  // Mutation: a transaction that settles without its token.
  it('of two processes for one id is one', async () => {
    const requestId = `race:${name}`;
    const racers = Array.from({ length: 8 }, () => engineOver(side.receipts));
    const outcomes = await Promise.all(
      racers.map((racer) => racer.run(booking(undefined, { requestId, waitMs: 10_000 }))),
    );
    expect(outcomes.map((o) => o.kind)).toEqual(Array(8).fill('result'));
    expect(await bookings(requestId)).toBe(1);
  });

  it('outside a guard is refused before a transaction begins', async () => {
    await expect(side.receipts.transaction(async () => 1)).rejects.toMatchObject({
      code: 'GuardNotInstalled',
    });
  });

  // The backend is stopped while it commits: the answer never comes, and the row tells what became of it.
  it('whose answer to the commit is lost has happened once, or not at all, and then runs again', async () => {
    for (let trial = 0; trial < 20; trial++) {
      let attempts = 0;
      const call = booking(async (pid) => {
        if (++attempts > 1) return;
        // Ends the backend about when the commit arrives there.
        setTimeout(() => void admin.query('select pg_terminate_backend($1)', [pid]), trial % 5);
      });
      const first = await engine.run(call).catch((error: { code: string }) => error.code);
      const done = await bookings(call.requestId);
      expect(first).toEqual(done === 1 ? expect.objectContaining({ kind: 'result' }) : 'NotCommitted');
      // The end may also have come later, to a connection that runs the next attempt.
      const again = (): Promise<unknown> =>
        engine.run(callFor(call.run, { ...call, deadline: performance.now() + 20_000 }));
      await again().catch(again);
      expect(await bookings(call.requestId)).toBe(1);
    }
  });
});
