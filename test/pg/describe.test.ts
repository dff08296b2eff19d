import { setTimeout as delay } from 'node:timers/promises';

import postgres from 'postgres';

import { pgReceipts } from '../../src/stores/pg';
import { postgresReceipts } from '../../src/stores/postgres-js';
import { PostgresReceipts } from '../../src/stores/postgres/store';
import { databaseUrl, newPool, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

/** A store whose database reads this time; the question is under way for so long, and the answer. */
const withClock = (nowMs: () => number, thereMs = 0, backMs = 0): PostgresReceipts =>
  new PostgresReceipts({
    run: async () => {
      await delay(thereMs);
      const row = { now_ms: nowMs() };
      await delay(backMs);
      return [row];
    },
    script: () => Promise.reject(new Error('no scripts here')),
    transaction: () => Promise.reject<never>(new Error('no transactions here')),
    close: async () => undefined,
  });

describe('what a store in Postgres says of itself', () => {
  let schema = '';
  let scratch: ScratchSchema;
  beforeAll(async () => {
    scratch = await scratchSchema();
    ({ schema } = scratch);
  });
  afterAll(() => scratch.close());

  it('through pg: the size of the pool, and no skew on one machine', async () => {
    const pool = newPool({ max: 3 });
    expect(await pgReceipts(pool, { schema }).describe()).toEqual({
      ...{ clockSkewMs: expect.closeTo(0, -2), poolSize: 3 },
      ...{ noticesFailovers: true, replicatesLate: false },
    });
    await pool.end();
  });

  it('through pg: the default size', async () => {
    const receipts = pgReceipts({ connectionString: databaseUrl() }, { schema });
    expect((await receipts.describe()).poolSize).toBe(10);
    await receipts.close();
  });

  it('through postgres.js: the same', async () => {
    const sql = postgres(databaseUrl(), { max: 7 });
    expect(await postgresReceipts(sql, { schema }).describe()).toEqual({
      ...{ clockSkewMs: expect.closeTo(0, -2), poolSize: 7 },
      ...{ noticesFailovers: true, replicatesLate: false },
    });
    await sql.end();
  });

  it('a wrapper that hides the size of its pool has none', async () => {
    const pool = newPool({ max: 1 });
    const wrapper = {
      query: pool.query.bind(pool),
      connect: () => pool.connect(),
      end: () => pool.end(),
    };
    expect((await pgReceipts(wrapper, { schema }).describe()).poolSize).toBeUndefined();
    await pool.end();
  });

  it.each([
    ['ahead', 60_000],
    ['behind', -60_000],
  ])('a clock that is %s is seen, less what the round trip may have taken', async (_name, skewMs) => {
    const { clockSkewMs } = await withClock(() => Date.now() + skewMs).describe();
    expect(Math.abs(clockSkewMs as number)).toBeLessThanOrEqual(60_000);
    expect(clockSkewMs as number).toBeCloseTo(skewMs, -4);
  });

  it.each([
    ['question', 200, 0],
    ['answer', 0, 200],
  ])('a slow %s is no skew', async (_name, thereMs, backMs) => {
    expect(await withClock(Date.now, thereMs, backMs).describe()).toMatchObject({ clockSkewMs: 0 });
  });

  it('a database that is away is reported with what to do', async () => {
    const away = pgReceipts({ connectionString: 'postgres://nobody@127.0.0.1:1/none' });
    await expect(away.describe()).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable' });
    await away.close();
  });
});
