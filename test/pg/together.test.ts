/** Many calls at once on a real database, through both drivers. */
import { randomBytes, randomUUID } from 'node:crypto';

import fc from 'fast-check';

import type { ClaimRequest } from '../../src/core';
import { hashRequestId, receiptKey } from '../../src/ids';
import type { PostgresReceipts } from '../../src/stores/pg';
import { newId, outcomeOf, over, read, requestFor, rowIn, textOf } from '../contract/rows';
import { expectOf } from '../contract/together';
import { drivers, onStatement, openStore, RealWorker } from '../support/real-calls';
import { databaseUrl, newPool, newSchemaName } from '../support/scratch-schema';

describe.each(drivers)('through %s', (driver) => {
  const schema = newSchemaName();
  const pool = newPool();
  const opened: PostgresReceipts[] = [];
  const open = (): PostgresReceipts => {
    const store = openStore(driver, databaseUrl(), { schema });
    opened.push(store);
    return store;
  };
  beforeAll(async () => void (await open().migrate()));
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()));
    await pool.query(`drop schema "${schema}" cascade`);
    await pool.end();
  });

  /** A store, and the names of the statements that it sends. */
  function counted(): { store: PostgresReceipts; sent: string[] } {
    const store = open();
    const sent: string[] = [];
    onStatement(store, (name) => sent.push(name));
    return { store, sent };
  }

  it('new ids have one effect each, in far fewer statements than calls', async () => {
    const { store, sent } = counted();
    const worker = new RealWorker(store);
    const ids = Array.from({ length: 500 }, newId);
    const endings = await Promise.all(ids.map((id) => worker.ending(id)));
    expect(endings).toEqual(ids.map((id) => `charged ${id}`));
    expect([...worker.effects.values()].filter((n) => n !== 1)).toEqual([]);
    expect(sent.length).toBeLessThan(50);
  });

  // Mutations: each look of each caller is a statement of its own; a waiting caller does not hear of the end here.
  it('64 callers on one id share its claim, one effect and its result', async () => {
    const { store, sent } = counted();
    const worker = new RealWorker(store);
    const id = newId();
    const endings = await Promise.all(Array.from({ length: 64 }, () => worker.ending(id)));
    expect([new Set(endings), worker.effects.get(id)]).toEqual([new Set([`charged ${id}`]), 1]);
    // A claim (and once more in full), its settlement; on a busy machine, looks of those who wait, all in one statement.
    expect(sent.length).toBeLessThan(10);
  });

  // Mutation: `order by a.key` taken away from the claims, or from the settlements: PostgreSQL ends a circle with 40P01.
  it('opposite orders wait for each other, and never for ever', async () => {
    const [one, two] = [open(), open()];
    for (let round = 0; round < 12; round++) {
      const requests = Array.from({ length: 200 }, () => requestFor(newId()));
      const back = requests.map((request) => ({ ...request, token: randomUUID() })).reverse();
      const rows = await Promise.all([
        ...requests.map((request) => one.claim(request)),
        ...back.map((request) => two.claim(request)),
      ]);
      const winners = new Set(rows.map(({ key, token }) => `${key} ${token}`));
      expect(winners.size).toBe(200);
      // Sent twice, as after an answer that was lost: only those of one token wait for each other.
      const held = requests.map((request, i) => ({ ...request, token: rows[i]?.token ?? '' }));
      const settling = (store: PostgresReceipts, all: typeof requests) =>
        all.map((request) =>
          store.settle({
            ...{ ...request, epoch: 1, state: 'committed', outcome: outcomeOf(request.token) },
            claim: { request, claimedAt: '2030-01-01T00:00:00.000Z' },
          }),
        );
      const answers = await Promise.all([...settling(one, held), ...settling(two, [...held].reverse())]);
      expect(answers).toEqual(Array(400).fill('committed'));
    }
  });

  // Mutation: settlements that share an answer: who lost its claim would hear that it settled it.
  it('settlements of one id are asked one after the other, each under its own token', async () => {
    const store = open();
    const [owner, others] = [requestFor(newId()), [1, 2, 3].map(() => requestFor(newId()))];
    await Promise.all([owner, ...others].map((request) => store.claim(request)));
    const settling = (request: ClaimRequest, token = request.token) => {
      const own = { ...request, token };
      const claim = { request: own, claimedAt: new Date().toISOString() };
      return store.settle({ ...own, epoch: 1, state: 'committed', outcome: outcomeOf(token), claim });
    };
    const answers = await Promise.all([
      ...others.map((request) => settling(request)),
      ...[settling(owner), settling(owner, randomUUID()), settling(owner)],
    ]);
    expect(answers).toEqual([...others.map(() => 'committed'), 'committed', 'late', 'committed']);
    const { receipt, evidence } = await read(store, owner);
    expect(textOf({ ...receipt, leaseRemainingMs: 0, ageMs: 0 })).toBe(owner.token);
    expect(evidence).toEqual(['late-settle: committed (1)']);
  });

  // Mutations: a wrong guess that is taken for an answer, or that sends each claim again by itself.
  it.each([
    ['new ids', 'claim_new_many'],
    ['settled ids', 'read_there_many'],
  ] as const)('claims that expect %s find new and settled ones', async (what, guess) => {
    const { store, sent } = counted();
    expectOf(store, what);
    const olds = await Promise.all([1, 2, 3].map(() => rowIn(store, 'committed')));
    const news = [1, 2, 3].map(() => requestFor(newId()));
    const asked = [...olds.map((request) => ({ ...request, token: randomUUID() })), ...news];
    sent.length = 0;
    const receipts = await Promise.all(asked.map((request) => store.claim(request)));
    expect(receipts).toMatchObject([
      ...olds.map(({ key, token }) => ({ key, token, state: 'committed' })),
      ...news.map(({ key, token }) => ({ key, token, state: 'claimed' })),
    ]);
    expect(sent).toEqual([guess, 'claim_many']);
  });

  // Mutation: a store that does not learn what its claims find.
  it('claims learn what to expect', async () => {
    const { store, sent } = counted();
    const requests = Array.from({ length: 30 }, () => requestFor(newId()));
    for (const request of requests) await store.claim(request);
    expect(sent.slice(-5)).toEqual(Array(5).fill('claim_new'));
    for (const request of requests) await store.claim(request);
    expect(sent.slice(-5)).toEqual(Array(5).fill('read_there'));
  });

  it('what the database refuses fails alone', async () => {
    const store = open();
    const requests = Array.from({ length: 9 }, () => requestFor(newId()));
    const bad = requestFor(newId(), { policy: 'guess' as never }); // no policy of its domain
    const endings = await Promise.allSettled([...requests, bad].map((request) => store.claim(request)));
    expect(endings.map(({ status }) => status)).toEqual([...requests.map(() => 'fulfilled'), 'rejected']);
    expect(endings.at(-1)).toMatchObject({ reason: { code: 'ReceiptStoreUnavailable', transient: false } });
  });

  // Mutation: quotes or backslashes that are not escaped in a list.
  it('any text and any bytes arrive as they were sent', async () => {
    const { store, sent } = counted();
    const text = fc
      .string({
        unit: fc.oneof(fc.constantFrom(...'"\\{},\' \n', 'null', 'é', '😀'), fc.string()),
        minLength: 1,
      })
      .filter((t) => !t.includes('\0') && !/\p{Surrogate}/u.test(t));
    const call = fc.record({
      id: text,
      action: text,
      workflowId: text,
      format: text,
      bytes: fc.uint8Array({ maxLength: 300 }),
      retainMs: fc.option(fc.nat(), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 2, maxLength: 12 }), async (calls) => {
        const asked = calls.map(({ id, action, workflowId, retainMs }) =>
          requestFor(`${randomUUID()} ${id}`, { action, origin: { workflowId }, retainMs }),
        );
        const receipts = await Promise.all(asked.map((request) => store.claim(request)));
        await Promise.all(
          asked.map((request, i) => {
            const { format = '', bytes = new Uint8Array() } = calls[i] ?? {};
            const claim = { request, claimedAt: receipts[i]?.claimedAt ?? '' };
            return store.settle({
              ...request,
              epoch: 1,
              state: 'committed',
              outcome: { format, bytes },
              claim,
            });
          }),
        );
        for (const [i, { requestId, action, origin, key }] of asked.entries()) {
          const { receipt } = await read(store, { key });
          const { format, bytes } = calls[i] ?? {};
          expect(receipt).toMatchObject({ requestId, action, origin, outcome: { format } });
          expect(Buffer.from(receipt.outcome?.bytes ?? [])).toEqual(Buffer.from(bytes ?? []));
          expect(receipts[i]).toMatchObject({ requestId, action, origin, state: 'claimed' });
        }
      }),
      { numRuns: 40 },
    );
    // What is refused for good is sent again by itself, and then arrives all the same.
    expect(sent.filter((name) => /^(claim|settle)(?!\w*_many$)/.test(name))).toEqual([]);
  });

  // Mutation: a restored receipt that lacks something of its claim.
  it.each([1, 3])(
    'the receipt of a claim that a failover has lost is written anew: %i at once',
    async (count) => {
      const store = open();
      const requests = Array.from({ length: count }, () =>
        requestFor(newId(), {
          ...{ policy: 'probe', origin: { workflowId: 'w' }, graceMs: 5, retainMs: 7 },
          finality: { sources: ['bank'], quorum: 1, afterMs: 1 },
        }),
      );
      const claimed = await Promise.all(requests.map((request) => store.claim(request)));
      const before = await Promise.all(requests.map((request) => read(store, request)));
      await pool.query(`delete from "${schema}".receipts where key = any($1::uuid[])`, [
        requests.map(({ key }) => key),
      ]);
      const answers = await Promise.all(
        requests.map((request, i) =>
          store.settle({
            ...{ ...request, epoch: 3, state: 'committed', outcome: outcomeOf(`result ${i}`) },
            claim: { request, claimedAt: claimed[i]?.claimedAt ?? '' },
          }),
        ),
      );
      expect(answers).toEqual(requests.map(() => 'committed'));
      for (const [i, request] of requests.entries()) {
        const { receipt, evidence } = await read(store, request);
        const {
          state: _state,
          outcome: _outcome,
          settledAt: _settledAt,
          ...known
        } = before[i]?.receipt ?? {};
        expect(receipt).toMatchObject({
          ...known,
          epoch: 3,
          state: 'committed',
          settledAt: expect.any(String) as string,
        });
        expect([textOf({ ...receipt, leaseRemainingMs: 0, ageMs: 0 }), evidence]).toEqual([
          `result ${i}`,
          ['failover: undetermined (3)'],
        ]);
      }
      const { rows } = await pool.query(
        `select 1 from "${schema}".receipts where key = any($1::uuid[]) and retain_for = interval '7 ms'`,
        [requests.map(({ key }) => key)],
      );
      expect(rows).toHaveLength(count);
    },
  );

  it('what was settled here a moment ago needs no statement, until it is superseded', async () => {
    const { store, sent } = counted();
    const worker = new RealWorker(store);
    const id = newId();
    await worker.ending(id);
    sent.length = 0;
    expect([await worker.ending(id), sent]).toEqual([`charged ${id}`, []]);
    const key = receiptKey(store.namespace, hashRequestId(id));
    expect(await store.supersede({ key, epoch: 1, state: 'committed', source: 'test' })).toBe(true);
    await worker.ending(id);
    expect(worker.effects.get(id)).toBe(2); // of its next generation
    // A large one is read again: what is kept here is bounded.
    const large = newId();
    const run = async (effect: { begin(): void }): Promise<string> => (
      effect.begin(), randomBytes(9000).toString('hex')
    );
    const first = await worker.ending(large, { run });
    sent.length = 0;
    expect([await worker.ending(large), sent]).toEqual([first, ['claim']]);
  });

  /** Settles a new id here, and tells of the statements after that. */
  async function settledHere(more: Partial<ClaimRequest> = {}) {
    const { store, sent } = counted();
    const request = requestFor(newId(), more);
    const { claimedAt } = await store.claim(request);
    const claim = { request, claimedAt };
    await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('here'), claim });
    sent.length = 0;
    return { store, sent, request, again: () => store.claim({ ...request, token: randomUUID() }) };
  }

  it('what was settled here is what the row says, of every generation and epoch', async () => {
    const { store, again, request } = await settledHere({ policy: 'probe', graceMs: 5, origin: { a: '1' } });
    const { leaseRemainingMs: _lease, ageMs: _age, outcome, ...known } = await again();
    const { receipt } = await read(store, request);
    expect(receipt).toEqual({ ...known, outcome: { ...outcome, bytes: Buffer.from(outcome?.bytes ?? []) } });

    const next = requestFor(newId());
    await store.claim(next);
    await store.release(next);
    const taken = { ...next, token: randomUUID(), epoch: 1, fromUnknown: false };
    const claim = { request: taken, claimedAt: (await store.takeOver(taken))?.claimedAt ?? '' };
    await store.settle({ ...taken, epoch: 2, state: 'committed', outcome: outcomeOf('second'), claim });
    expect(await store.claim(next)).toMatchObject({ state: 'committed', epoch: 2, token: taken.token });
  });

  // Mutation: what the holder brought is kept here, although it came too late to be the outcome.
  it.each([1, 3])(
    'what was settled here, but had been resolved before, is what the row says: %i',
    async (n) => {
      const store = open();
      const requests = Array.from({ length: n }, () => requestFor(newId(), { leaseMs: over }));
      await Promise.all(requests.map((request) => store.claim(request)));
      for (const { key } of requests) {
        const found = { verdict: 'committed', source: 'probe', outcome: outcomeOf('found') } as const;
        expect(await store.resolve({ key, epoch: 1, ...found })).toBe(true);
      }
      const settling = requests.map((request) => {
        const claim = { request, claimedAt: new Date().toISOString() };
        return store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('late'), claim });
      });
      expect(await Promise.all(settling)).toEqual(requests.map(() => 'committed'));
      for (const request of requests) expect(textOf(await store.claim(request))).toBe('found');
    },
  );

  it('what was settled here and is pruned is a tombstone at once', async () => {
    const { store, again, request } = await settledHere();
    while ((await store.prune({ retainMs: 0 })) > 0);
    expect(await again()).toMatchObject({ key: request.key, state: 'pruned' });
  });

  it('what was settled here, and superseded elsewhere, is seen to be so after a second', async () => {
    const { sent, again, request } = await settledHere();
    const elsewhere = { key: request.key, epoch: 1, state: 'committed', source: 'test' } as const;
    expect(await open().supersede(elsewhere)).toBe(true);
    expect([(await again()).state, sent]).toEqual(['committed', []]);
    await new Promise((resolve) => setTimeout(resolve, 1050));
    expect([(await again()).state, sent]).toEqual(['superseded', ['claim']]);
  });

  // Mutation: one that is kept; what contests it would not be seen.
  it('what was settled here on terms is read again', async () => {
    const { again } = await settledHere({ finality: { sources: ['bank'], quorum: 1, afterMs: 60_000 } });
    const { key } = await again();
    const no = { key, epoch: 1, source: 'bank', verdict: 'rejected', contests: true } as const;
    await open().addEvidence(no);
    expect(await again()).toMatchObject({ state: 'committed', contested: true });
  });
});
