/** The audit log: what is in it, what breaks its chain, and who may write it. */
import { createHash, randomUUID } from 'node:crypto';

import type { ClaimRequest } from '../../src/core';
import type { PostgresReceipts } from '../../src/stores/pg';
import { pgReceipts } from '../../src/stores/pg';
import type { AuditEntry, AuditProblem } from '../../src/stores/postgres/audit-chain';
import { another, newId, outcomeOf, over, requestFor, rowIn } from '../contract/rows';
import { drivers, openStore } from '../support/real-calls';
import { scratchRole } from '../support/scratch-role';
import { databaseUrl, newPool, scratchSchema, type ScratchSchema } from '../support/scratch-schema';

const secret = 'SECRET-4111-1111';

let scratch: ScratchSchema;
beforeEach(async () => (scratch = await scratchSchema()));
afterEach(() => scratch.close());

const sql = (text: string, values?: unknown[]) =>
  scratch.pool.query(text.replaceAll('$schema', `"${scratch.schema}"`), values);

async function entries(store: PostgresReceipts, after = 0): Promise<AuditEntry[]> {
  const all: AuditEntry[] = [];
  for await (const entry of store.audit.entries(store.namespace, after)) all.push(entry);
  return all;
}

const inShort = ({ seq, requestId, source, verdict, epoch }: AuditEntry): string =>
  `${seq} ${requestId ?? 'no receipt'} ${source}: ${verdict} (${epoch})`;

/** As who owns the database can: with the triggers that refuse it turned off. */
async function tamper(...statements: readonly string[]): Promise<void> {
  const client = await scratch.pool.connect();
  try {
    await client.query('set session_replication_role = replica');
    for (const text of statements) await client.query(text.replaceAll('$schema', `"${scratch.schema}"`));
  } finally {
    client.release(true);
  }
}

/** Writes evidence, so many times, about one receipt. */
async function say(store: PostgresReceipts, times: number): Promise<void> {
  const { key } = await rowIn(store, 'claimed');
  for (let i = 0; i < times; i++)
    await store.addEvidence({
      key,
      epoch: 1,
      source: 'bank',
      verdict: 'committed',
      note: `${i}`,
      outcome: outcomeOf(secret),
    });
}

describe('the audit log', () => {
  it('has every exceptional step and every decision, in one chain for each namespace, without their outcomes', async () => {
    const store = scratch.open('payments');
    const more = { namespace: 'payments' };
    const inPayments = (id: string) => requestFor(id, { ...more, leaseMs: over });
    const lost = inPayments('lost');
    await store.claim(lost);
    expect(await entries(store)).toEqual([]);
    const next = another(lost, { fromUnknown: true, leaseMs: over });
    await store.takeOver(next);
    await store.settle({ ...lost, epoch: 1, state: 'committed', outcome: outcomeOf(secret) });
    await store.addEvidence({
      key: lost.key,
      epoch: 2,
      source: 'probe',
      verdict: 'not-committed',
      contests: true,
    });
    const operator = { source: 'operator', by: 'Ann', note: 'seen in the console' };
    await store.resolve({
      key: lost.key,
      epoch: 2,
      verdict: 'committed',
      outcome: outcomeOf(secret),
      ...operator,
    });
    await store.supersede({ key: lost.key, epoch: 2, state: 'committed', ...operator });
    await store.addEvidence({
      key: inPayments('to come').key,
      epoch: 1,
      source: 'bank',
      verdict: 'committed',
    });
    await sql('update $schema.timelines set seen_at = clock_timestamp()');
    await store.claim({ ...inPayments('after a failover'), mayBeOlderMs: 60_000 });
    expect(await store.prune({ retainMs: 0 })).toBe(1);
    expect(await store.prune({ retainMs: 0 })).toBe(0);
    await say(scratch.open('other'), 1);

    const all = await entries(store);
    expect(all.map(inShort)).toEqual([
      '1 lost attempt: undetermined (1)',
      '2 lost late-settle: committed (1)',
      '3 lost probe: not-committed (2)',
      '4 lost receipt: unknown (2)',
      '5 lost operator: committed (2)',
      '6 lost operator: superseded (2)',
      '7 no receipt bank: committed (1)',
      '8 after a failover failover: undetermined (1)',
      '9 no receipt prune: undetermined (0)',
    ]);
    const sha256 = createHash('sha256').update(secret).digest('hex');
    expect(all[4]).toMatchObject({
      ...{ actor: 'Ann', note: 'seen in the console', namespace: 'payments', outcomeSha256: sha256 },
    });
    expect(all[8]?.note).toBe('1 receipts became tombstones');
    expect(JSON.stringify(all)).not.toContain(secret);
    expect(await entries(store, 6)).toEqual(all.slice(6));
    expect(await store.audit.namespaces()).toEqual(['other', 'payments']);
    const { seq, hash } = all[8] as AuditEntry;
    expect(await store.audit.verify('payments')).toEqual({
      ...{ namespace: 'payments', head: { seq, hash }, problem: undefined },
    });
  });

  // Mutations: a step that is not written, or twice; one that is nobody's, in a chain of another.
  it("has what is nobody's step: an outcome that becomes unknown, one that becomes final, a receipt written anew", async () => {
    const store = scratch.open('payments');
    const claimed = async (id: string, more: Partial<ClaimRequest> = {}) => {
      const request = requestFor(id, { namespace: 'payments', leaseMs: over, ...more });
      await store.claim(request);
      return request;
    };
    const finality = { sources: ['effect'], quorum: 1, afterMs: 0 };
    const settled = { epoch: 1, state: 'committed', outcome: outcomeOf(secret) } as const;
    await claimed('its lease ran out');
    const doubtful = await claimed('free', { transactional: true });
    await claimed('held', { leaseMs: 60_000 });
    await store.settle({ ...(await claimed('usual')), ...settled });
    for (const holdMs of [0, 0]) await store.takeDue({ limit: 10, holdMs });
    expect((await entries(store)).map(inShort)).toEqual(['1 its lease ran out receipt: unknown (1)']);

    const marked = await claimed('marked');
    await store.markUnknown(marked);
    const said = { source: 'bank', verdict: 'undetermined', contests: true } as const;
    await store.addEvidence({ key: marked.key, epoch: 1, ...said });
    await store.markUnknown(doubtful);
    await store.takeOver(another(doubtful, { fromUnknown: true }));
    const provisional = await claimed('to be final', { finality });
    await store.settle({ ...provisional, ...settled });
    expect(await store.finalize(provisional.key, 1, 0)).toBe(true);
    expect(await store.finalize(provisional.key, 1, 0)).toBe(false);
    const lost = await claimed('lost');
    const { claimedAt } = (await store.get(lost.key))?.receipt ?? { claimedAt: '' };
    await tamper(`delete from $schema.receipts where request_id = 'lost'`);
    const whole = { ...lost, ...settled, claim: { request: lost, claimedAt } };
    for (const answer of ['committed', 'committed']) expect(await store.settle(whole)).toBe(answer);
    expect(await store.prune({ retainMs: 0, resultsOverBytes: 0 })).toBe(3);

    const all = await entries(store, 1);
    expect(all.map((entry) => [inShort(entry), entry.note])).toEqual(
      [
        ['2 marked receipt: unknown (1)', 'it was claimed'],
        ['3 marked bank: undetermined (1)', null],
        ['4 free receipt: unknown (1)', 'it was claimed'],
        ['5 free attempt: undetermined (1)', '{"worker": "test"}'],
        ['6 to be final receipt: final (1)', null],
        ['7 lost failover: undetermined (1)', expect.stringContaining('written anew')],
        ['8 no receipt prune: undetermined (0)', '3 results were dropped'],
      ].map(([text, note]) => [text, note ?? undefined]),
    );
    expect(await store.audit.verify('payments')).toMatchObject({ head: { seq: 8 }, problem: undefined });
    await tamper(`delete from $schema.receipts where request_id = 'to be final'`);
    expect((await store.audit.verify('payments')).problem).toMatchObject({ kind: 'evidence', seq: 6 });
  });

  it('has nothing of what is held, free or of another tenant, whoever says in the queue that it was looked at', async () => {
    const mine = scratch.open('mine');
    for (const { key } of [
      await rowIn(scratch.open('theirs'), 'claimed', over),
      await rowIn(mine, 'claimed'),
      await rowIn(mine, 'claimed', over, { transactional: true }),
      await rowIn(mine, 'committed', over),
    ])
      await sql(`insert into $schema.queue (key, namespace, look_at) values ($1, 'mine', now())`, [key]);
    await sql(`update $schema.queue set looks = 1`);
    expect(await scratch.open().audit.namespaces()).toEqual([]);
  });

  it('has evidence of an old worker, who does not say his namespace, in that of its receipt; else in a chain of its own', async () => {
    const store = scratch.open('payments');
    const { key } = await rowIn(store, 'claimed');
    const old = `insert into $schema.evidence (key, epoch, source, verdict) values ($1, 1, 'bank', 'committed')`;
    await sql(old, [key]);
    await sql(old, [randomUUID()]);
    expect(await store.audit.namespaces()).toEqual(['', 'payments']);
    for (const namespace of ['', 'payments'])
      expect(await store.audit.verify(namespace)).toMatchObject({ head: { seq: 1 }, problem: undefined });
  });

  it('has no gap where a transaction was rolled back', async () => {
    const store = scratch.open();
    await say(store, 1);
    const client = await scratch.pool.connect();
    await client.query('begin');
    await client.query(
      `insert into "${scratch.schema}".evidence (key, epoch, source, verdict, namespace) values ($1, 1, 'bank', 'committed', 'default')`,
      [randomUUID()],
    );
    await client.query('rollback');
    client.release();
    await say(store, 1);
    expect(await store.audit.verify('default')).toMatchObject({ head: { seq: 2 }, problem: undefined });
  });

  // More than a page, in two namespaces, over the same receipts: takers-over, late holders and sources at once.
  it.each(drivers)(
    'stays one chain, and nobody waits for ever, when many write it at once through %s',
    async (driver) => {
      const stores = ['a', 'b', 'a', 'b'].map((namespace) =>
        openStore(driver, databaseUrl(), { schema: scratch.schema, namespace, max: 4 }),
      );
      try {
        const requests = Array.from({ length: 4 }, () => newId());
        const work = stores.flatMap((store) =>
          Array.from({ length: 300 }, async (_, i) => {
            const { namespace } = store;
            const request = requestFor(requests[i % 4] ?? '', { namespace, leaseMs: over });
            await store.claim(request);
            if (i % 3 === 0)
              await store.takeOver(another(request, { epoch: 1 + i, fromUnknown: true, leaseMs: over }));
            if (i % 3 === 1)
              await store.settle({
                ...request,
                token: randomUUID(),
                epoch: 1,
                state: 'committed',
                outcome: outcomeOf('x'),
              });
            await store.addEvidence({
              key: request.key,
              epoch: 1,
              source: 'bank',
              verdict: 'undetermined',
              contests: i % 5 === 0,
            });
          }),
        );
        await Promise.all(work);
        const { rows } = await sql(
          `select namespace, count(*)::integer as count from $schema.audit group by 1 order by 1`,
        );
        const found = await Promise.all(
          ['a', 'b'].map((namespace) => scratch.open().audit.verify(namespace)),
        );
        expect(found).toMatchObject(rows.map(({ count }) => ({ head: { seq: count }, problem: undefined })));
        expect(rows.every(({ count }) => count > 800)).toBe(true);
      } finally {
        for (const store of stores) await store.close();
      }
    },
  );
});

describe('verifying names the first row that was', () => {
  const rehash = (seq: number, previous: string): string =>
    // As the trigger does, by who can read it.
    `update $schema.audit a set previous = ${previous}, hash = (
      select sha256(convert_to(string_agg(coalesce(octet_length(convert_to(f.value, 'UTF8')) || ':' || f.value, '-'), '' order by f.place), 'UTF8'))
      from unnest(array['activity-guard audit 1', a.namespace, a.seq::text, to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        a.key::text, a.request_id, a.epoch::text, a.source, a.verdict, a.actor, a.note, a.late::text, a.outcome_format, a.outcome_sha256,
        a.role, encode(${previous}, 'hex')]) with ordinality as f (value, place)) where seq = ${seq}`;
  const hashBefore = (seq: number): string => `(select hash from $schema.audit where seq = ${seq - 1})`;
  const lateToo = `update $schema.evidence set late = true`;
  const forgeHead = `update $schema.audit_heads set (seq, hash) = (select seq, hash from $schema.audit order by seq desc limit 1)`;
  const alterations = ['note', 'source', 'verdict', 'actor', 'role', 'request_id', 'outcome_sha256'].map(
    (column): [string, string[], Partial<AuditProblem>] => [
      `altered (${column})`,
      [`update $schema.audit set ${column} = 'forged' where seq = 3`],
      { kind: 'altered', seq: 3 },
    ],
  );

  it.each<[string, string[], Partial<AuditProblem>]>([
    ...alterations,
    [
      'altered (time)',
      [`update $schema.audit set at = at + interval '1 microsecond' where seq = 3`],
      { kind: 'altered', seq: 3 },
    ],
    [
      'altered (null for empty)',
      [`update $schema.audit set actor = '' where seq = 3`],
      { kind: 'altered', seq: 3 },
    ],
    [
      'moved to another field',
      [`update $schema.audit set source = 'bank2', note = substr(note, 2) where seq = 3`],
      { kind: 'altered', seq: 3 },
    ],
    [
      'altered, and hashed anew',
      [
        `update $schema.audit set late = true where seq = 3`,
        `${lateToo} where note = '2'`,
        rehash(3, 'a.previous'),
      ],
      { kind: 'altered', seq: 3 },
    ],
    [
      'altered, and hashed anew (the last)',
      [
        `update $schema.audit set late = true where seq = 5`,
        `${lateToo} where note = '4'`,
        rehash(5, 'a.previous'),
      ],
      { kind: 'altered', seq: 5 },
    ],
    ['missing', [`delete from $schema.audit where seq = 3`], { kind: 'missing', seq: 3 }],
    ['missing (the first)', [`delete from $schema.audit where seq = 1`], { kind: 'missing', seq: 1 }],
    ['missing (the last)', [`delete from $schema.audit where seq = 5`], { kind: 'missing', seq: 5 }],
    ['missing (all)', [`truncate $schema.audit`], { kind: 'missing', seq: 1 }],
    [
      'missing, its number given to the next',
      [`delete from $schema.audit where seq = 3`, `update $schema.audit set seq = 3 where seq = 4`],
      { kind: 'reordered', seq: 3 },
    ],
    [
      'swapped',
      ['9 where seq = 3', '3 where seq = 4', '4 where seq = 9'].map(
        (set) => `update $schema.audit set seq = ${set}`,
      ),
      { kind: 'reordered', seq: 3 },
    ],
    ['missing as its head says', [`delete from $schema.audit_heads`], { kind: 'altered', seq: 5 }],
    ['put after the head', [`update $schema.audit_heads set seq = 4`], { kind: 'altered', seq: 5 }],
    [
      'contradicted by its evidence',
      [`update $schema.evidence set note = 'forged' where note = '2'`],
      { kind: 'evidence', seq: 3 },
    ],
    [
      'contradicted (its outcome)',
      [`update $schema.evidence set outcome = 'forged' where note = '2'`],
      { kind: 'evidence', seq: 3 },
    ],
    [
      'left without its evidence',
      [`delete from $schema.evidence where note = '2'`],
      { kind: 'evidence', seq: 3 },
    ],
  ])('%s', async (_name, statements, problem) => {
    const store = scratch.open();
    await say(store, 5);
    expect((await store.audit.verify('default')).problem).toBeUndefined();
    await tamper(...statements);
    expect((await store.audit.verify('default')).problem).toMatchObject(problem);
  });

  it('and, with a head that was kept elsewhere, also of a chain that was cut off or made anew to its end', async () => {
    const store = scratch.open();
    await say(store, 5);
    const { head } = await store.audit.verify('default');
    expect((await store.audit.verify('default', head)).problem).toBeUndefined();
    await tamper(`delete from $schema.audit where seq > 3`, forgeHead);
    expect((await store.audit.verify('default')).problem).toBeUndefined();
    expect((await store.audit.verify('default', head)).problem).toMatchObject({ kind: 'missing', seq: 4 });
    await say(store, 2);
    expect((await store.audit.verify('default')).problem).toBeUndefined();
    expect((await store.audit.verify('default', head)).problem).toMatchObject({ kind: 'altered', seq: 5 });
    await tamper(
      `update $schema.evidence set note = 'forged' where note = '2'; update $schema.audit set note = 'forged' where seq = 3`,
      ...[3, 4, 5].map((seq) => rehash(seq, seq === 3 ? 'a.previous' : hashBefore(seq))),
      forgeHead,
    );
    expect((await store.audit.verify('default')).problem).toBeUndefined();
    expect((await store.audit.verify('default', head)).problem).toMatchObject({ kind: 'altered', seq: 5 });
  });
});

describe('who may write the audit log', () => {
  it('where its head is gone nothing off the usual path is done; claims and settlements are', async () => {
    const store = scratch.open();
    const request = await rowIn(store, 'claimed');
    const evidence = { key: request.key, epoch: 1, source: 'bank', verdict: 'committed' } as const;
    await store.addEvidence(evidence);
    await tamper('delete from $schema.audit_heads');
    await expect(store.addEvidence(evidence)).rejects.toMatchObject({ code: 'ReceiptStoreUnavailable' });
    expect((await store.get(request.key))?.evidence).toHaveLength(1);
    expect(await store.settle({ ...request, epoch: 1, state: 'committed', outcome: outcomeOf('x') })).toBe(
      'committed',
    );
    await store.claim(requestFor(newId()));
  });

  it('nobody by hand, however much was granted: neither a worker, who fills it all the same, nor its owner', async () => {
    const role = await scratchRole(scratch); // select, insert and update on all tables
    const pool = newPool({ connectionString: role.url });
    try {
      const store = pgReceipts(pool, { schema: scratch.schema });
      await say(store, 1);
      const [entry] = await entries(store);
      expect(entry?.role).toBe(new URL(role.url).username);
      const again = `insert into $schema.audit select namespace, seq + 1, at, key, request_id, epoch, source, verdict, actor, note, late,
        outcome_format, outcome_sha256, role, previous, hash from $schema.audit`;
      const head = `update $schema.audit_heads set seq = 0`;
      const change = `update $schema.audit set note = 'forged'`;
      const writing = (by: typeof pool, text: string) =>
        by.query(text.replaceAll('$schema', `"${scratch.schema}"`));
      for (const text of [again, head, change])
        await expect(writing(pool, text)).rejects.toMatchObject({ code: '42501' });
      for (const text of [
        change,
        `delete from $schema.audit`,
        `truncate $schema.audit`,
        `delete from $schema.audit_heads`,
      ])
        await expect(writing(scratch.pool, text)).rejects.toMatchObject({ code: '42501' });
      expect(await store.audit.verify('default')).toMatchObject({ head: { seq: 1 }, problem: undefined });
    } finally {
      await pool.end();
      await role.drop();
    }
  });

  it('a worker without any right to it still fills it', async () => {
    const role = await scratchRole(scratch);
    await sql(`revoke all on $schema.audit, $schema.audit_heads from ${new URL(role.url).username}`);
    const pool = newPool({ connectionString: role.url });
    try {
      await say(pgReceipts(pool, { schema: scratch.schema }), 2);
      expect(await scratch.open().audit.verify('default')).toMatchObject({
        head: { seq: 2 },
        problem: undefined,
      });
    } finally {
      await pool.end();
      await role.drop();
    }
  });
});
