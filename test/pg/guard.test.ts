/** Guards without Temporal over a real database: two processes, two drivers, one receipt; and one that is killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { Guard } from '../../src';
import { drivers, openStore } from '../support/real-calls';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';
import type { PostgresReceipts } from '../../src/stores/pg';

let there: ScratchSchema;
const stores: PostgresReceipts[] = [];
beforeAll(async () => (there = await scratchSchema()));
afterAll(async () => {
  for (const store of stores) await store.close();
  await there.close();
});

function open(driver: (typeof drivers)[number]) {
  const receipts = openStore(driver, databaseUrl(), { schema: there.schema });
  stores.push(receipts);
  return { receipts, guard: new Guard({ receipts }) };
}

const charge = { action: 'charge', payload: { cents: 500, at: new Date(7) } };

describe.each(drivers)('a guard on %s', (driver) => {
  const [other] = drivers.filter((name) => name !== driver);

  it('gives its result to one on the other driver, as it was', async () => {
    const requestId = `result on ${driver}`;
    const result = { paid: charge.payload.at, note: 'ü "\\' };
    await open(driver).guard.execute({ ...charge, requestId, run: () => result });
    const again = await open(other ?? driver).guard.execute({ ...charge, requestId, run: () => 'again' });
    expect(again).toMatchObject({ ok: true, replayed: true, result });
  });

  it('lets one of many racers run, and gives all of them its result', async () => {
    const guards = [open(driver), open(driver), open(other ?? driver)];
    let runs = 0;
    const run = async () => (runs++, new Promise<number>((done) => setTimeout(done, 20, runs)));
    const racers = Array.from({ length: 10 }, () =>
      guards.map(({ guard }) => guard.execute({ ...charge, requestId: `race on ${driver}`, run })),
    ).flat();
    const ends = await Promise.all(racers);
    expect([runs, new Set(ends.map((end) => end.ok && end.result))]).toEqual([1, new Set([1])]);
  });

  it('commits a transaction together with its receipt', async () => {
    const { guard, receipts } = open(driver);
    const table = `${there.schema}.booked_${driver.replace('.', '')}`;
    await there.pool.query(`create table ${table} (id text)`);
    const insert = `insert into ${table} values ('1')`;
    const book = () =>
      receipts.transaction(async (tx) => {
        const client = tx as Record<'query' | 'unsafe', (text: string) => Promise<unknown>>;
        await (driver === 'pg' ? client.query(insert) : client.unsafe(insert));
        return 'booked';
      });
    const request = { ...charge, requestId: `books on ${driver}`, transactional: true, run: book };
    const ends = [await guard.execute(request), await guard.execute(request)];
    expect(ends).toMatchObject([
      { result: 'booked', replayed: false },
      { result: 'booked', replayed: true },
    ]);
    expect((await there.pool.query(`select from ${table}`)).rowCount).toBe(1);
  });
});

it('a call whose process was killed after the effect is unknown, and is not made again', async () => {
  const script = `
    const { Guard } = require(${JSON.stringify(resolve(__dirname, '../../src'))});
    const { pgReceipts } = require(${JSON.stringify(resolve(__dirname, '../../src/stores/pg'))});
    const receipts = pgReceipts({ connectionString: process.env.DATABASE_URL }, { schema: ${JSON.stringify(there.schema)} });
    void new Guard({ receipts, leaseFor: 500 }).execute({
      requestId: 'killed', action: 'charge', payload: 1,
      run: () => { process.stdout.write('did'); return new Promise(() => setInterval(() => undefined, 1000)); },
    });`;
  const child = spawn(process.execPath, ['-e', script], {
    env: { ...process.env, DATABASE_URL: databaseUrl() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  let again = 0;
  const call = open('pg').guard.execute({
    requestId: 'killed',
    action: 'charge',
    payload: 1,
    run: () => again++,
  });
  await expect(call).rejects.toMatchObject({ code: 'OutcomeUnknown', requestId: 'killed' });
  expect(again).toBe(0);
});
