import { pgReceipts } from '../../src/stores/pg';
import { migrations } from '../../src/stores/postgres/migrations.generated';
import { PostgresReceipts } from '../../src/stores/postgres/store';
import { rowIn } from '../contract/rows';
import { race } from '../support/race';
import { loginRole, type ScratchRole } from '../support/scratch-role';
import { newPool, newSchemaName, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const latest = migrations.at(-1)?.number;

describe('installing the tables', () => {
  let scratch: ScratchSchema;
  beforeEach(async () => (scratch = await scratchSchema({ installed: false })));
  afterEach(() => scratch.close());

  const applied = async (): Promise<unknown[]> =>
    (await scratch.pool.query(`select number, sha256 from "${scratch.schema}".migrations order by 1`)).rows;

  // Mutation: no advisory lock fails here ("duplicate key", "relation already exists").
  it('by twenty processes at once on an empty database ends with one set, and none of them fails', async () => {
    const versions = await race(Array.from({ length: 20 }, () => ['migrate', scratch.schema]));
    expect(versions).toEqual(Array(20).fill(latest));
    expect(await applied()).toEqual(migrations.map(({ number, sha256 }) => ({ number, sha256 })));
    await expect(scratch.open().check()).resolves.toBeUndefined();
  }, 60_000);

  it('can be repeated, and says the version each time', async () => {
    expect([await scratch.open().migrate(), await scratch.open().migrate()]).toEqual([latest, latest]);
    expect(await applied()).toHaveLength(migrations.length);
  });

  it('works in a schema of any name', async () => {
    for (const schema of [`We"ird 'näme' $1; --`, `${newSchemaName()}$&$$`, 'x'.repeat(63)]) {
      const receipts = pgReceipts(scratch.pool, { schema });
      let told = 0;
      try {
        expect(await receipts.migrate(() => told++)).toBe(latest);
        expect(told).toBe(migrations.length);
        await receipts.check();
        expect(await receipts.list()).toEqual([]);
      } finally {
        await scratch.pool.query(`drop schema if exists "${schema.replaceAll('"', '""')}" cascade`);
      }
    }
  });

  it('is refused, and so is the use of the tables, when a newer version has upgraded them', async () => {
    const receipts = scratch.open();
    await receipts.migrate();
    await scratch.pool.query(
      `insert into "${scratch.schema}".migrations (number, name, sha256) values (9999, 'later', 'x')`,
    );
    for (const refused of [() => receipts.migrate(), () => receipts.check()]) {
      await expect(refused()).rejects.toMatchObject({
        code: 'ReceiptStoreUnavailable',
        message: expect.stringMatching(/9999.*newer.*Upgrade activity-guard/),
      });
    }
  });

  it('is refused, and so is the use of the tables, when they were made from another text', async () => {
    const receipts = scratch.open();
    await receipts.migrate();
    await scratch.pool.query(`update "${scratch.schema}".migrations set sha256 = 'edited' where number = 1`);
    for (const refused of [() => receipts.migrate(), () => receipts.check()]) {
      await expect(refused()).rejects.toMatchObject({
        code: 'ReceiptStoreUnavailable',
        message: expect.stringMatching(/Migration 1 .*another text/),
      });
    }
  });
});

describe('the tables', () => {
  let scratch: ScratchSchema;
  beforeAll(async () => (scratch = await scratchSchema()));
  afterAll(() => scratch.close());

  // Mutations: a domain that lets anything in.
  it.each(["state = 'finished'", "policy = 'guess'", 'epoch = 0', "fingerprint = 'short'"])(
    'refuse a receipt with %s, whoever writes it',
    async (wrong) => {
      const { key } = await rowIn(scratch.open(), 'claimed');
      const writing = scratch.pool.query(`update "${scratch.schema}".receipts set ${wrong} where key = $1`, [
        key,
      ]);
      await expect(writing).rejects.toMatchObject({ code: '23514' });
    },
  );
});

describe('the check before a worker starts', () => {
  const unavailable = (message: RegExp) =>
    expect.objectContaining({ code: 'ReceiptStoreUnavailable', message: expect.stringMatching(message) });

  it('refuses missing tables and says how to make them; so does a claim', async () => {
    const scratch = await scratchSchema({ installed: false });
    try {
      await expect(scratch.open().check()).rejects.toEqual(unavailable(/missing.*activity-guard migrate/));
      await expect(scratch.open().list()).rejects.toEqual(unavailable(/missing.*activity-guard migrate/));
      await expect(scratch.open().list()).rejects.toMatchObject({ transient: false });
    } finally {
      await scratch.close();
    }
  });

  it('refuses a session that does not wait for its commits to be durable', async () => {
    const scratch = await scratchSchema();
    const careless = newPool({ options: '-c synchronous_commit=off' });
    try {
      await expect(pgReceipts(careless, { schema: scratch.schema }).check()).rejects.toEqual(
        unavailable(/synchronous_commit=off/),
      );
    } finally {
      await careless.end();
      await scratch.close();
    }
  });

  it.each([
    ['runs with fsync=off', { fsync: 'off' }],
    ['is a read-only standby', { in_recovery: true }],
  ])('refuses a database that %s', async (message, settings) => {
    const driver = {
      run: async ({ name }: { name: string }) =>
        name.includes('settings')
          ? [{ fsync: 'on', synchronous_commit: 'on', in_recovery: false, installed: true, ...settings }]
          : migrations.map(({ number, sha256 }) => ({ number, sha256 })),
      script: async () => undefined,
      transaction: async () => Promise.reject(new Error('not here')),
      close: async () => undefined,
    };
    await expect(new PostgresReceipts(driver).check()).rejects.toEqual(unavailable(new RegExp(message)));
  });

  it('says that the store is unavailable, not just ECONNREFUSED, when nothing listens there', async () => {
    const receipts = pgReceipts({ connectionString: 'postgres://nobody:secret@127.0.0.1:1/none' });
    const error = await receipts.check().catch((e: unknown) => e);
    await receipts.close();
    expect(error).toMatchObject({
      code: 'ReceiptStoreUnavailable',
      message: expect.not.stringContaining('secret'),
    });
  });
});

describe('a role with few privileges', () => {
  let role: ScratchRole;
  let scratch: ScratchSchema;
  beforeAll(async () => {
    scratch = await scratchSchema();
    role = await loginRole((sql) => scratch.pool.query(sql));
  });
  afterAll(async () => {
    await role.drop();
    await scratch.close();
  });

  const asRole = async <T>(schema: string, work: (receipts: PostgresReceipts) => Promise<T>): Promise<T> => {
    const receipts = pgReceipts({ connectionString: role.url, max: 1 }, { schema });
    try {
      return await work(receipts);
    } finally {
      await receipts.close();
    }
  };
  const advice = { code: 'ReceiptStoreUnavailable', message: expect.stringMatching(/privileges/) };

  it('is told so at a claim', async () => {
    await expect(asRole(scratch.schema, (receipts) => receipts.list())).rejects.toMatchObject({
      ...advice,
      transient: false,
    });
  });

  it('is told so by the check', async () => {
    await expect(asRole(scratch.schema, (receipts) => receipts.check())).rejects.toMatchObject(advice);
  });

  it('is told so when it may not install the tables', async () => {
    await expect(asRole(newSchemaName(), (receipts) => receipts.migrate())).rejects.toMatchObject(advice);
  });

  it('may install the tables in a schema that was made for it', async () => {
    const schema = newSchemaName();
    await scratch.pool.query(`create schema "${schema}" authorization ${role.name}`);
    expect(await asRole(schema, (receipts) => receipts.migrate())).toBe(latest);
  });

  it('works with the tables when it may use the schema and read and write them, and no more', async () => {
    await scratch.pool.query(`grant usage on schema "${scratch.schema}" to ${role.name};
      grant select, insert, update on all tables in schema "${scratch.schema}" to ${role.name}`);
    await asRole(scratch.schema, async (receipts) => {
      await receipts.check();
      expect(await receipts.list()).toEqual([]);
    });
  });
});
