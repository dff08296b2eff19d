/** What user code does in and around its transaction, on both drivers. */
import postgres from 'postgres';

import { receiptKey, hashRequestId } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts, type PostgresReceipts } from '../../src/stores/postgres-js';
import { callFor, engineOver } from '../support/pg-engine';
import { databaseUrl, newPool, newSchemaName } from '../support/scratch-schema';

interface Side {
  readonly receipts: PostgresReceipts;
  ask(tx: unknown, text: string): Promise<unknown>;
  close(): Promise<void>;
}

const sides: Record<string, (schema: string) => Side> = {
  pg: (schema) => {
    const pool = newPool({ max: 6, options: '-c default_transaction_isolation=repeatable\\ read' });
    const receipts = pgReceipts(pool, { schema }) as unknown as PostgresReceipts;
    const ask = async (tx: unknown, text: string): Promise<unknown> =>
      (tx as { query(text: string): Promise<unknown> }).query(text);
    return { receipts, ask, close: async () => pool.end() };
  },
  'postgres.js': (schema) => {
    const connection = { default_transaction_isolation: 'repeatable read' } as const;
    const sql = postgres(databaseUrl(), { max: 6, connection, onnotice: () => undefined });
    const ask = async (tx: unknown, text: string): Promise<unknown> =>
      (tx as postgres.TransactionSql).unsafe(text);
    return { receipts: postgresReceipts(sql, { schema }), ask, close: async () => sql.end({ timeout: 1 }) };
  },
};

describe.each(Object.keys(sides))('a transaction through %s', (name) => {
  const schema = newSchemaName();
  const admin = newPool({ max: 2 });
  let side: Side;

  beforeAll(async () => {
    const made = sides[name]?.(schema);
    if (!made) throw new Error(name);
    side = made;
    await side.receipts.migrate();
    await admin.query(`create table ${schema}.bookings (order_id text)`);
  });
  afterAll(async () => {
    await side.close();
    await admin.query(`drop schema ${schema} cascade`);
    await admin.end();
  });

  const run = async (work: (tx: unknown, id: string) => Promise<unknown>) => {
    const call = callFor(
      async (effect) => {
        effect.begin();
        return side.receipts.transaction(async (tx) => work(tx, effect.requestId));
      },
      { transactional: true },
    );
    const ended = await Promise.race([
      engineOver(side.receipts)
        .run(call)
        .then(
          ({ kind }) => kind,
          ({ code }: { code: string }) => code,
        ),
      new Promise<string>((resolve) => setTimeout(resolve, 8000, 'hangs').unref()),
    ]);
    const booked = (await admin.query(`select from ${schema}.bookings where order_id = $1`, [call.requestId]))
      .rowCount;
    const row = await side.receipts.get(receiptKey('default', hashRequestId(call.requestId)));
    return { ended, booked, state: row?.receipt.state };
  };
  const book = async (tx: unknown, id: string): Promise<unknown> =>
    side.ask(tx, `insert into ${schema}.bookings values ('${id}')`);

  // An error of another service, or of another database, is not one of this connection.
  it.each(['ECONNREFUSED', 'ECONNRESET', 'CONNECT_TIMEOUT', '57P03'])(
    'whose work meets %s elsewhere is rolled back and ends',
    async (code) => {
      const answer = await run(async (tx, id) => {
        await book(tx, id);
        throw Object.assign(new Error('the tax service is away'), { code });
      });
      expect(answer).toEqual({ ended: 'NotCommitted', booked: 0, state: 'released' });
    },
    15_000,
  );

  // A query that nobody awaits fails after the receipt was written: Postgres answers the commit with a rollback.
  it('that was rolled back by a query nobody awaited is not answered as done', async () => {
    const answer = await run(async (tx, id) => {
      await book(tx, id);
      setImmediate(() => void side.ask(tx, 'select 1/0').catch(() => undefined));
      return 'booked';
    });
    expect([answer.ended, answer.booked, answer.state]).toEqual(
      answer.booked === 1 ? ['result', 1, 'committed'] : ['NotCommitted', 0, 'released'],
    );
  });

  // The lease is renewed meanwhile, in the row that the transaction has to write at its end.
  it('outlives a renewal of its claim, although snapshots are the default', async () => {
    const answer = await run(async (tx, id) => {
      await book(tx, id);
      await new Promise((resolve) => setTimeout(resolve, 1200)); // the lease is 2 s
      return 'booked';
    });
    expect(answer).toEqual({ ended: 'result', booked: 1, state: 'committed' });
  });

  it('refuses a snapshot of its own', async () => {
    const answer = await run(async (tx, id) => {
      await side.ask(tx, 'set transaction isolation level repeatable read');
      return book(tx, id);
    });
    expect(answer).toEqual({ ended: 'NotCommitted', booked: 0, state: 'released' });
  });

  // On `pg` the client is back in the pool by then, and what is sent joins whatever runs there.
  it('that was rolled back takes no query afterwards', async () => {
    let late: Promise<unknown> = Promise.resolve();
    const answer = await run(async (tx, id) => {
      late = new Promise((resolve) => setTimeout(resolve, 200)).then(async () => book(tx, id));
      late.catch(() => undefined);
      throw new Error('a check of ours failed');
    });
    expect(answer).toMatchObject({ ended: 'NotCommitted', state: 'released' });
    await expect(late).rejects.toBeDefined();
  });

  // Mutation: a receipt that is written in whatever transaction runs by then.
  it.each([
    ['rolled back', 'rollback', 0],
    ['committed', 'commit', 1],
  ])('that the work itself has %s has no receipt, and is unknown', async (_what, ending, booked) => {
    const answer = await run(async (tx, id) => {
      await book(tx, id);
      await side.ask(tx, ending);
      return 'booked';
    });
    expect(answer).toEqual({ ended: 'OutcomeUnknown', booked, state: 'unknown' });
  });
});
