import { createHash } from 'node:crypto';

import postgres from 'postgres';

import { migrations } from '../../src/stores/postgres/migrations.generated';
import { statements } from '../../src/stores/postgres/statements';
import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { describeReceiptStore } from '../contract/receipt-store';
import { requestFor } from '../contract/rows';
import { findPgbouncer, startPgbouncer, type StartedPgbouncer } from '../support/pgbouncer';
import { drivers, openStore, RealWorker, type DriverName } from '../support/real-calls';
import { within } from '../../src/testing/bounded';
import { databaseUrl, newPool, newSchemaName, scratchSchema } from '../support/scratch-schema';

const found = findPgbouncer();
let pgbouncer: StartedPgbouncer;

beforeAll(async () => {
  // Fewer connections than clients: each client's statements meet those that others have prepared.
  if ('file' in found) pgbouncer = await startPgbouncer(found, databaseUrl(), 3);
});
afterAll(() => pgbouncer?.stop());

/** A place for receipts whose stores all go through PgBouncer. */
async function place(driver: DriverName, prepare?: boolean) {
  const { schema, age, close } = await scratchSchema();
  const options = prepare === undefined ? {} : { prepare };
  const pool = newPool({ connectionString: pgbouncer.url, max: 8 });
  const sql = postgres(pgbouncer.url, { max: 8, onnotice: () => undefined });
  const open = (namespace = 'default') =>
    driver === 'pg'
      ? pgReceipts(pool, { schema, namespace, ...options })
      : postgresReceipts(sql, { schema, namespace, ...options });
  return {
    ...{ schema, open, age },
    close: async () => {
      await Promise.all([pool.end(), sql.end()]);
      await close();
    },
  };
}

const suite = 'file' in found ? describe : describe.skip;
suite(`PgBouncer in transaction mode${'missing' in found ? ` (NOT TESTED: ${found.missing})` : ''}`, () => {
  it('is seen by who looks at the database, and is not where it is not', async () => {
    const through = await place('pg');
    const direct = await scratchSchema();
    expect([(await through.open().inspect()).isPooled, (await direct.open().inspect()).isPooled]).toEqual([
      true,
      false,
    ]);
    await through.close();
    await direct.close();
  });

  // Mutation: without the switch to unprepared statements nearly every test fails here, with 26000 or 42P05.
  for (const driver of drivers)
    describeReceiptStore(`Postgres behind PgBouncer, through ${driver}`, () => place(driver));

  // Mutation: no look at a table after the wait for the lock fails here (23505): reused connections remember.
  it.each(drivers)(
    'does not keep 8 installers through %s from ending with one set of tables',
    async (driver) => {
      const schema = newSchemaName();
      const stores = Array.from({ length: 8 }, () => openStore(driver, pgbouncer.url, { schema, max: 1 }));
      const versions = await Promise.all(stores.map((store) => store.migrate()));
      await stores[0]?.check();
      await Promise.all(stores.map((store) => store.close()));
      const pool = newPool();
      await pool.query(`drop schema "${schema}" cascade`);
      await pool.end();
      expect(versions).toEqual(Array(8).fill(migrations.at(-1)?.number));
    },
  );

  it.each(drivers.flatMap((driver) => [undefined, false].map((prepare) => ({ driver, prepare }))))(
    'leaves one effect per id to racing workers through $driver (prepare: $prepare)',
    async ({ driver, prepare }) => {
      const { open, close } = await place(driver, prepare);
      const effects = new Map<string, number>();
      const workers = Array.from({ length: 4 }, () => new RealWorker(open(), effects));
      const ids = Array.from({ length: 25 }, (_, i) => `bounced:${i}`);
      const endings = await Promise.all(ids.flatMap((id) => workers.map((worker) => worker.ending(id))));
      await close();
      expect(endings).toEqual(ids.flatMap((id) => Array(4).fill(`charged ${id}`)));
      expect([...effects.values()]).toEqual(Array(25).fill(1));
    },
  );

  // Mutation: `prepare: true` for postgres.js without the look at the server's process hangs here.
  it.each(drivers)('loses no statement of a store through %s for good', async (driver) => {
    const { open, close } = await place(driver);
    const store = open();
    const asked = Array.from({ length: 20 }, () => [store.get(requestFor('lost').key), store.stats()]).flat();
    const answers = await within(10_000, 'forty statements', Promise.all(asked));
    await close();
    expect(answers).toHaveLength(40);
  });
});

describe('the names of prepared statements', () => {
  // Mutation: a hash of the schema alone fails here: two versions of the library would share a name.
  it('hold a hash of the text, and fit what drivers allow', () => {
    for (const { name, text } of Object.values(statements('"a"'))) {
      expect(name).toContain(createHash('sha256').update(text).digest('hex').slice(0, 16));
      expect(name.length).toBeLessThan(64);
    }
  });
});
