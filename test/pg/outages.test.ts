import { setTimeout as delay } from 'node:timers/promises';

import { ReceiptStoreUnavailableError, type HeldEffect } from '../../src/core';
import { Guard } from '../../src/guard';
import { hashRequestId, receiptKey } from '../../src/ids';
import type { PostgresReceipts } from '../../src/stores/pg';
import { outcomeOf, requestFor } from '../contract/rows';
import { FlakyProxy } from '../support/flaky-proxy';
import { OwnPostgres } from '../support/own-postgres';
import {
  drivers,
  openStore,
  RealWorker,
  rowOf,
  stateOf,
  timed,
  type DriverName,
} from '../support/real-calls';
import { databaseUrl, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
beforeAll(async () => (scratch = await scratchSchema()));
afterAll(() => scratch.close());

const ids = (): (() => string) => {
  let n = 0;
  const run = Math.random().toString(36).slice(2);
  return () => `${run}:${++n}`;
};
const newId = ids();

/** One worker behind a proxy of its own. `isWarm`: its pool has connections already. */
async function behindProxy(driver: DriverName, isWarm: boolean) {
  const proxy = await FlakyProxy.before(databaseUrl());
  const store = openStore(driver, proxy.through(databaseUrl()), { schema: scratch.schema, max: 2 });
  if (isWarm) await Promise.all([store.list(), store.list()]);
  const close = async (): Promise<void> => {
    await proxy.close();
    await store.close();
  };
  return { proxy, worker: new RealWorker(store), close };
}

/** A call while Postgres is away: it must fail closed, soon, and say that a retry is safe. */
async function failsClosed(worker: RealWorker, id: string): Promise<void> {
  const [error, ms] = await timed(
    worker.engine.run(worker.call(id, { waitMs: 500, leaseMs: 4000 })).catch((e: unknown) => e),
  );
  expect(error).toBeInstanceOf(ReceiptStoreUnavailableError);
  expect(error).toMatchObject({ retryable: true, requestId: id });
  expect(ms).toBeLessThan(3500);
  expect(worker.effects.size).toBe(0);
}

describe.each(drivers)('Postgres away before the claim, through %s,', (driver) => {
  const ways = {
    'refuses connections': [(p: FlakyProxy) => p.refuse(), (p: FlakyProxy) => p.listen()],
    'is a black hole': [(p: FlakyProxy) => p.blackHole(), (p: FlakyProxy) => p.heal()],
  } as const;

  // Mutation: giving a doubtful claim back only once fails here at the black hole: the release overtakes the claim,
  // whose row then waits for its lease and for somebody to resolve it, although nothing ran.
  it.each(
    Object.entries(ways).flatMap(([how, [leave, back]]) =>
      [true, false].map((isWarm) => ({ how, leave, back, isWarm, pool: isWarm ? 'warm' : 'cold' })),
    ),
  )(
    'that $how ($pool pool): nothing runs, and once it is back there is one effect',
    async ({ leave, back, isWarm }) => {
      const { proxy, worker, close } = await behindProxy(driver, isWarm);
      try {
        const id = newId();
        await leave(proxy);
        await failsClosed(worker, id);
        await back(proxy);
        expect(await worker.ending(id)).toBe(`charged ${id}`);
        expect(worker.effects.get(id)).toBe(1);
      } finally {
        await close();
      }
    },
  );
});

// Mutation: no time-out of the statements fails here: the dead connections stay in the pool.
it.each([drivers])(
  'dead connections left in the pools of %s and %s are given up, and calls go through again',
  async (...both) => {
    const recover = async (driver: DriverName): Promise<void> => {
      const { proxy, worker, close } = await behindProxy(driver, true);
      try {
        const id = newId();
        proxy.strand();
        await failsClosed(worker, id);
        const start = performance.now();
        while ((await worker.ending(id, { waitMs: 3000 })) !== `charged ${id}`)
          expect(performance.now() - start).toBeLessThan(15_000);
        expect(worker.effects.get(id)).toBe(1);
      } finally {
        await close();
      }
    };
    await Promise.all(both.map(recover));
  },
  30_000,
);

// Mutation: no time-out of what reads a row fails here: a reconciler would stand still until TCP gives the connection up.
it('whoever looks after receipts is told of a connection that is dead, and is served by the next one', async () => {
  const look = async (driver: DriverName): Promise<unknown> => {
    const { proxy, worker, close } = await behindProxy(driver, true);
    try {
      proxy.strand();
      const key = receiptKey(worker.store.namespace, hashRequestId('any'));
      const looks = [worker.store.get(key), worker.store.takeDue({ limit: 1, holdMs: 1000 })];
      const ends = await Promise.allSettled(looks);
      await worker.store.takeDue({ limit: 1, holdMs: 1000 });
      return [ends.map(({ status }) => status), await worker.store.get(key)];
    } finally {
      await close();
    }
  };
  const seen = await Promise.all(drivers.map(look));
  expect(seen).toEqual(drivers.map(() => [['rejected', 'rejected'], undefined]));
}, 30_000);

// Mutation: no time-out of the transaction's own begin fails here: the call never ends, and a place of the pool is lost.
it.each(drivers)(
  'a transaction whose connection is dead ends, and a retry is served, through %s',
  async (driver) => {
    const { proxy, worker, close } = await behindProxy(driver, true);
    try {
      const store = worker.store as PostgresReceipts;
      const guard = new Guard({ receipts: store });
      const isFirst = { yes: true };
      const book = () =>
        guard.execute({
          ...{ requestId: newId(), action: 'book', transactional: true },
          run: () => {
            if (isFirst.yes) proxy.strand();
            isFirst.yes = false;
            return store.transaction(async () => 'booked');
          },
        });
      await expect(book()).rejects.toMatchObject({ code: 'NotCommitted' });
      expect(await book()).toMatchObject({ ok: true, result: 'booked' });
    } finally {
      await close();
    }
  },
  60_000,
);

describe.each(drivers)('a server that is stopped, through %s,', (driver) => {
  let postgres: OwnPostgres;
  beforeAll(async () => (postgres = await OwnPostgres.start()));
  afterAll(() => postgres.dispose());

  it('before the claim, in the effect or after it: one effect, and its result is kept', async () => {
    const store = openStore(driver, postgres.url);
    const worker = new RealWorker(store);
    try {
      await store.migrate();
      const [before, during] = [newId(), newId()];
      await postgres.stop();
      await failsClosed(worker, before);
      await postgres.start();
      expect(await worker.ending(before)).toBe(`charged ${before}`);
      const run = worker.call(during).run;
      const [value, ms] = await timed(
        worker.ending(during, {
          run: async (effect) => {
            const result = await run(effect);
            await postgres.stop('SIGQUIT');
            void delay(2000).then(() => postgres.start());
            return result;
          },
        }),
      );
      expect([value, ms > 2000, ms < 8000]).toEqual([`charged ${during}`, true, true]);
      expect(await stateOf(store, during)).toBe('committed');
      expect(await worker.ending(during)).toBe(`charged ${during}`);
      expect([...worker.effects.values()]).toEqual([1, 1]);
    } finally {
      await store.close();
    }
  });
});

describe.each(drivers)('Postgres away during the effect, through %s,', (driver) => {
  it.each([
    ['refuses connections', (p: FlakyProxy) => p.refuse(), (p: FlakyProxy) => p.listen()],
    ['is a black hole', (p: FlakyProxy) => p.blackHole(), (p: FlakyProxy) => p.heal()],
  ] as const)(
    'that %s and comes back: the settle is asked again until it is written',
    async (_how, leave, back) => {
      const { proxy, worker, close } = await behindProxy(driver, true);
      try {
        const id = newId();
        const run = async (effect: HeldEffect) => {
          effect.begin();
          worker.count(id);
          await leave(proxy);
          void delay(1500).then(() => back(proxy));
          return 'charged once';
        };
        expect(await worker.ending(id, { run })).toBe('charged once');
        expect(await worker.ending(id)).toBe('charged once');
        expect((await worker.store.get((await rowOf(worker.store, id))?.key ?? ''))?.evidence).toEqual([]);
        expect(worker.effects.get(id)).toBe(1);
      } finally {
        await close();
      }
    },
  );

  it('for longer than the attempt lives: the caller gets the result, and the row is unknown with its lease', async () => {
    const { proxy, worker, close } = await behindProxy(driver, true);
    const direct = new RealWorker(scratch.open(), worker.effects);
    try {
      const id = newId();
      const run = async (effect: HeldEffect) => {
        effect.begin();
        worker.count(id);
        await proxy.refuse();
        return 'charged once';
      };
      const [value, ms] = await timed(worker.ending(id, { run, leaseMs: 3000, attemptMs: 500 }));
      expect([value, ms < 3500]).toEqual(['charged once', true]);
      expect(await direct.ending(id, { waitMs: 0 })).toBe('InFlight');
      await delay(((await rowOf(direct.store, id))?.leaseRemainingMs ?? 0) + 10);
      expect(await direct.ending(id)).toBe('OutcomeUnknown');
      // A settle under another token changes nothing; as evidence it tells what became of the intent.
      const late = {
        ...requestFor(id),
        epoch: 1,
        state: 'committed',
        outcome: outcomeOf('["late"]'),
      } as const;
      expect(await direct.store.settle(late)).toBe('late');
      expect((await rowOf(direct.store, id))?.state).toBe('claimed');
      expect([await direct.ending(id), worker.effects.get(id)]).toEqual(['late', 1]);
    } finally {
      await close();
    }
  });
});
