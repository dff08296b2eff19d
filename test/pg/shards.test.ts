/**
 * What a database that shards the receipts by their key needs of tables and statements, as far as Postgres can tell: it divides
 * them by the hash of the key, and shows which parts each statement visits. See docs/scaling.md for what was tried beyond it.
 */
import type { Pool } from 'pg';

import { statements, type Statements } from '../../src/stores/postgres/statements';
import { pgReceipts } from '../../src/stores/pg';
import { describeReceiptStore } from '../contract/receipt-store';
import { another, newId, outcomeOf, over, requestFor, rowIn } from '../contract/rows';
import { partitionedSchema } from '../support/partitioned';
import { scratchSchema } from '../support/scratch-schema';

/** Every statement, by what it visits. */
const visits: Readonly<Record<string, readonly (keyof Statements)[]>> = {
  'one key': [
    ...(['claim', 'claimNew', 'readThere', 'claimAgain', 'takeOver', 'settleHeld', 'settleAnew'] as const),
    ...(['settle', 'settleWithin', 'delegate', 'release', 'markUnknown', 'resolve', 'addEvidence'] as const),
    ...(['finalize', 'supersede', 'get'] as const),
  ],
  'the keys of a list': [
    ...(['claimMany', 'claimNewMany', 'readThereMany', 'settleHeldMany', 'renew', 'lookAgain'] as const),
    ...(['evidenceOf'] as const),
  ],
  'receipts by something else': [
    ...([
      'prune',
      'dropResults',
      'sweep',
      'takeDue',
      'list',
      'listAfter',
      'countStates',
      'countEvidence',
    ] as const),
    ...(['outstanding', 'countOutstanding', 'openReceipts', 'recentClaims', 'auditPage'] as const),
  ],
  'no receipts': [
    ...(['firstSweep', 'beginEffect', 'runningEffect', 'settings', 'description', 'noteTimeline'] as const),
    ...(['migrationsApplied', 'inspect', 'reconciled', 'auditNamespaces'] as const),
  ],
};

const texts = statements('"any"');
const tableOf = /"any"\.(receipts|evidence|queue)/;

describe('every statement', () => {
  it('is known by what it visits', () => {
    expect(Object.values(visits).flat().sort()).toEqual(Object.keys(texts).sort());
  });

  it.each(visits['one key'] ?? [])('%s says its one key', (name) => {
    expect(texts[name].text).toMatch(
      /key = \$1::uuid|insert into "any"\.receipts as r \(key|select \$1::uuid/,
    );
    expect(texts[name].text).not.toMatch(/unnest/);
  });

  it.each(visits['the keys of a list'] ?? [])('%s says its keys', (name) => {
    expect(texts[name].text).toMatch(/unnest\(/);
  });

  it.each(visits['no receipts'] ?? [])('%s visits no receipts', (name) => {
    expect(texts[name].text).not.toMatch(tableOf);
  });
});

describe('the tables', () => {
  /** What a shard cannot keep to by itself. */
  const constraintsOf = async (pool: Pool, schema: string) =>
    (
      await pool.query<{ is: string }>(
        `select c.relname || ' (' || string_agg(a.attname, ', ' order by a.attname) || ')' as is
from pg_index i join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where c.relnamespace = $1::text::regnamespace and i.indisunique group by c.relname, i.indexrelid
union all select 'foreign key of ' || conrelid::regclass from pg_constraint where connamespace = $1::text::regnamespace and contype = 'f'
union all select 'sequence ' || relname from pg_class where relnamespace = $1::text::regnamespace and relkind = 'S' order by 1`,
        [schema],
      )
    ).rows.map((row) => row.is);

  // Mutation: a unique index on the request id, a serial number, or a foreign key from evidence to receipts.
  it('are unique by the key of a receipt or by namespace, with no foreign key; only evidence is numbered', async () => {
    const { pool, schema, close } = await scratchSchema();
    const found = await constraintsOf(pool, schema);
    await close();
    expect(found).toEqual([
      'audit (namespace, seq)',
      'audit_heads (namespace)',
      'evidence (id)',
      'migrations (number)',
      'queue (key)',
      'receipts (key)',
      'sequence evidence_id_seq',
      'sweeps (namespace)',
      'timelines (id)',
    ]);
  });
});

interface Visit {
  readonly name: string;
  /** Such as `receipts_p2`. */
  readonly parts: ReadonlySet<string>;
}

/** A pool that explains what it runs, before it runs it. */
function explaining(pool: Pool, seen: Visit[]) {
  return {
    connect: () => pool.connect(),
    end: () => Promise.resolve(),
    query: async (query: { text: string; values: unknown[]; name?: string }) => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, costs off, timing off) ${query.text}`,
          query.values,
        );
        const visited = rows
          .map((row) => row['QUERY PLAN'])
          .filter((line) => !line.includes('never executed'));
        const parts = new Set(visited.join('\n').match(/\b(receipts|evidence|queue)_p\d\b/g));
        seen.push({ name: query.name ?? '', parts });
      } finally {
        await client.query('rollback');
        client.release();
      }
      return pool.query(query);
    },
  };
}

describe('receipts that are divided by their key', () => {
  // Mutation: a look at evidence by its epoch alone visits all parts.
  it('are visited in one part by each step of one receipt, and its evidence and place in the queue in the same', async () => {
    const { pool, schema, close } = await partitionedSchema();
    const seen: Visit[] = [];
    const store = pgReceipts(explaining(pool, seen), { schema });
    try {
      const held = await rowIn(store, 'claimed');
      // So many that the store expects the next one to be like them.
      for (let n = 0; n < 20; n++) await rowIn(store, 'claimed');
      for (let n = 0; n < 20; n++) await store.claim(another(held));
      await store.settle({ ...held, epoch: 1, state: 'committed', outcome: outcomeOf('1') });
      const claimed = requestFor(newId());
      const { claimedAt } = await store.claim({ ...claimed, mayBeOlderMs: 1 });
      const claim = { request: claimed, claimedAt };
      await store.settle({ ...claimed, epoch: 1, state: 'committed', outcome: outcomeOf('1'), claim });
      const lost = requestFor(newId());
      const anew = { request: lost, claimedAt: new Date().toISOString() };
      await store.settle({ ...lost, epoch: 1, state: 'committed', outcome: outcomeOf('1'), claim: anew });
      for (const state of ['unknown', 'released', 'delegated', 'superseded'] as const) {
        const { key } = await rowIn(store, state, over);
        await store.addEvidence({ key, epoch: 1, source: 'test', verdict: 'undetermined', contests: true });
        await store.resolve({ key, epoch: 1, verdict: 'not-committed', source: 'operator' });
        await store.finalize(key, 1, 1);
        await store.get(key);
      }
      const released = await rowIn(store, 'released');
      await store.takeOver(another(released));
    } finally {
      await close();
    }
    const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
    const unseen = (visits['one key'] ?? []).filter(
      (name) => !seen.some((visit) => visit.name.startsWith(`activity_guard_${snake(name)}_`)),
    );
    // In a transaction of its caller.
    expect(unseen).toEqual(['settleWithin']);
    // Evidence is looked up, and a claim that is asked for again is confirmed, as lists of one.
    const lists = ['evidenceOf', 'renew'].map((name) => `activity_guard_${snake(name)}_`);
    const ofOne = seen.filter(({ name }) => !lists.some((list) => name.startsWith(list)));
    const spread = ofOne.filter(({ parts }) => new Set([...parts].map((part) => part.slice(-1))).size > 1);
    expect(spread).toEqual([]);
    expect(new Set(ofOne.flatMap(({ parts }) => [...parts])).size).toBeGreaterThan(4);
  });

  describeReceiptStore('Postgres with hash partitions', () => partitionedSchema());
});
