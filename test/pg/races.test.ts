import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { GuardEngine, type ReceiptStore } from '../../src/core';
import { fingerprintOf, hashRequestId } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { systemClock } from '../../src/system-clock';
import { newId, outcomeOf, read, requestFor, rowIn } from '../contract/rows';
import { jsonCodec } from '../support/guarding';
import { race } from '../support/race';
import { newPool, newSchemaName, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

let scratch: ScratchSchema;
beforeAll(async () => {
  scratch = await scratchSchema({ max: 12 });
  await scratch.pool.query(
    `create table "${scratch.schema}".effects (request_id text not null, epoch integer not null)`,
  );
});
afterAll(() => scratch.close());

/** Waits until so many statements of this schema wait for a lock. */
async function untilBlocked(count: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const { rows } = await scratch.pool.query<{ n: number }>(
      `select count(*)::integer as n from pg_stat_activity where wait_event_type = 'Lock' and query like $1`,
      [`%"${scratch.schema}"%`],
    );
    if (rows[0]?.n === count) return;
    await delay(10);
  }
  throw new Error(`never ${count} statements were blocked`);
}

/** Runs `work` while somebody's open transaction has done `sql`; ends that once `blocked` statements wait for it. */
async function behind<T>(
  sql: string,
  values: unknown[],
  blocked: number,
  work: () => Promise<T>,
  thenMs = 0,
): Promise<T> {
  const client = await scratch.pool.connect();
  try {
    await client.query('begin');
    await client.query(sql, values);
    const done = work();
    done.catch(() => undefined);
    await untilBlocked(blocked);
    await delay(thenMs);
    await client.query('commit');
    return await done;
  } finally {
    client.release();
  }
}

describe('two processes with one request id', () => {
  // Invariants 1 and 7.
  it('have one effect, and both get its result', async () => {
    for (let round = 0; round < 3; round++) {
      const requestId = `order:${round}`;
      const outcomes = (await race([0, 1].map(() => ['charge', scratch.schema, requestId]))) as {
        value: string;
        replayed: boolean;
      }[];
      expect(outcomes[0]?.value).toMatch(/^charged by \d+$/);
      expect(outcomes[1]?.value).toBe(outcomes[0]?.value);
      expect(outcomes.map((o) => o.replayed).sort()).toEqual([false, true]);
      const { rows } = await scratch.pool.query(
        `select epoch from "${scratch.schema}".effects where request_id = $1`,
        [requestId],
      );
      expect(rows).toEqual([{ epoch: 1 }]);
    }
  }, 60_000);
});

describe('statements that meet on one row', () => {
  // Mutation: one try only fails here: the loser's snapshot is older than the winner's commit.
  it.each([
    ['that waited', {}],
    ['after a failover that waited', { mayBeOlderMs: 1000 }],
  ])('a claim %s for an uncommitted one finds that one', async (_name, more) => {
    const store = scratch.open();
    const request = requestFor(newId(), more);
    const insert = `insert into "${scratch.schema}".receipts (key, namespace, request_id, action, fingerprint, state, policy, token, lease_until)
      values ($1, 'default', $2, 'charge', decode($3, 'hex'), 'claimed', 'hold', $4, now() + interval '1 minute')`;
    const winner = randomUUID();
    const { key, requestId, fingerprint } = request;
    const receipt = await behind(insert, [key, requestId, fingerprint, winner], 1, () =>
      store.claim(request),
    );
    expect(receipt).toMatchObject({ token: winner, epoch: 1, state: 'claimed' });
  });

  it('one settlement sent twice, the second while the first still waits, is one settlement without late evidence', async () => {
    const store = scratch.open();
    const owner = await rowIn(store, 'claimed');
    const settlement = { ...owner, epoch: 1, state: 'committed', outcome: outcomeOf('once') } as const;
    const lock = `select 1 from "${scratch.schema}".receipts where key = $1 for update`;
    const answers = await behind(lock, [owner.key], 2, () =>
      Promise.all([store.settle(settlement), store.settle(settlement)]),
    );
    expect([answers, (await read(store, owner)).evidence]).toEqual([['committed', 'committed'], []]);
  });

  // Mutation: `now()`, which stands still while a statement waits, fails here.
  it.each([
    ['nested loops', '-c enable_hashjoin=off -c enable_mergejoin=off'],
    ['a hash join', '-c enable_nestloop=off -c enable_mergejoin=off'],
  ])(
    'leases whose renewal (by %s) waited for a row beyond their end are not revived',
    async (_plan, options) => {
      const pool = newPool({ options });
      const store = pgReceipts(pool, { schema: scratch.schema });
      const owners = await Promise.all(Array.from({ length: 60 }, () => rowIn(store, 'claimed', 1500)));
      await scratch.pool.query(`analyze "${scratch.schema}".receipts`);
      const [first] = [...owners].sort((a, b) => (a.key < b.key ? -1 : 1));
      const lock = `select 1 from "${scratch.schema}".receipts where key = $1 for update`;
      // The database's clock decides, so it has to pass.
      const renewed = await behind(lock, [first?.key], 1, () => store.renew(owners, 60_000), 2000);
      const remaining = await Promise.all(
        owners.map(async (owner) => (await read(store, owner)).leaseRemainingMs),
      );
      await pool.end();
      expect([renewed.size, remaining.filter((ms) => ms > 0).length]).toEqual([0, 0]);
    },
  );
});

describe('two stores on one pool', () => {
  it('may use different schemas', async () => {
    const pool = newPool({ max: 1 });
    const other = newSchemaName();
    try {
      const [a, b] = [pgReceipts(pool, { schema: scratch.schema }), pgReceipts(pool, { schema: other })];
      await b.migrate();
      const request = requestFor('on one pool');
      await a.claim(request);
      expect(await b.get(request.key)).toBeUndefined();
      expect((await a.get(request.key))?.receipt.token).toBe(request.token);
    } finally {
      await pool.query(`drop schema if exists "${other}" cascade`);
      await pool.end();
    }
  });
});

describe('connections that are cut in the middle of the work', () => {
  const engineOn = (store: ReceiptStore): GuardEngine =>
    new GuardEngine({ store, clock: systemClock, newToken: randomUUID, onEvent: () => undefined });

  it('lose no result and repeat no effect', async () => {
    const name = newSchemaName();
    const pool = newPool({ max: 4, application_name: name });
    const engine = engineOn(pgReceipts(pool, { schema: scratch.schema }));
    const effects = new Map<string, number>();
    let cuts = 0;
    const cut = async (): Promise<void> => {
      const { rowCount } = await scratch.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1',
        [name],
      );
      cuts += rowCount ?? 0;
    };
    const charge = (i: number) => {
      const requestId = `cut:${i}`;
      return engine.run({
        ...{
          requestId,
          requestIdHash: hashRequestId(requestId),
          action: 'charge',
          fingerprint: fingerprintOf('charge', [i]),
        },
        ...{ payload: [i], origin: {}, onUnknown: 'hold', codec: jsonCodec, attempt: 1 },
        ...{ leaseMs: 10_000, graceMs: 1000, waitMs: 10_000, deadline: performance.now() + 30_000 },
        run: async (effect) => {
          effect.begin();
          effects.set(requestId, (effects.get(requestId) ?? 0) + 1);
          if (i % 7 === 0) await cut(); // between claim and settle; others are in theirs
          return i;
        },
      });
    };
    const work = Array.from({ length: 60 }, (_, i) => i);
    const outcomes: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let i = work.shift(); i !== undefined; i = work.shift()) outcomes.push(await charge(i));
    };
    try {
      await Promise.all([lane(), lane(), lane(), lane()]);
      for (let i = 0; i < 60; i++)
        expect(await charge(i)).toMatchObject({ kind: 'result', value: i, replayed: true });
    } finally {
      await pool.end();
    }
    expect(cuts).toBeGreaterThan(5);
    expect([outcomes.length, [...effects.values()].every((n) => n === 1), effects.size]).toEqual([
      60,
      true,
      60,
    ]);
    const { rows } = await scratch.pool.query(
      `select count(*)::integer as n from "${scratch.schema}".receipts where request_id like 'cut:%' and state = 'committed'`,
    );
    expect(rows).toEqual([{ n: 60 }]);
  }, 60_000);
});
