/** What roles of the database may do by raw SQL, whatever they try. */
import { Pool } from 'pg';

import { generationId, hashedRequestId, hashRequestId, receiptKey } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { lease, outcomeOf, over, requestFor, rowIn, states } from '../contract/rows';
import { runCli } from '../support/cli-process';
import { tenantedSchema, type TenantedSchema } from '../support/granted';
import { loginRole, type ScratchRole } from '../support/scratch-role';
import { scratchSchema, type ScratchSchema } from '../support/scratch-schema';

/** SQLSTATE: a right is missing, or a policy forbids it. */
const denied = '42501';
/** SQLSTATE of a step that is none. */
const noStep = '23514';

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: { code?: string }) => error.code,
  );

describe('the state machine', () => {
  let scratch: ScratchSchema;
  beforeAll(async () => (scratch = await scratchSchema()));
  afterAll(() => scratch.close());

  const settled = `outcome_format = 'json', outcome = '{}', settled_at = coalesce(settled_at, now())`;
  const bare = `outcome_format = null, outcome = null`;
  const into = (state: string): string =>
    `state = '${state}'${['committed', 'rejected'].includes(state) ? `, ${settled}` : state === 'superseded' ? '' : `, ${bare}`}`;
  const write = (key: string, change: string): Promise<unknown> =>
    codeOf(scratch.pool.query(`update "${scratch.schema}".receipts set ${change} where key = $1`, [key]));

  /** The arrows of the protocol under one token, a lease and its grace being over. */
  const arrows: Readonly<Record<string, readonly string[]>> = {
    claimed: ['claimed', 'delegated', 'unknown', 'committed', 'rejected', 'released', 'superseded'],
    delegated: ['delegated', 'unknown', 'committed', 'rejected', 'released'],
    unknown: ['unknown', 'committed', 'rejected', 'released', 'superseded'],
    released: ['released', 'unknown', 'committed', 'rejected', 'superseded'],
    committed: ['superseded', 'pruned'],
    rejected: ['superseded', 'pruned'],
    superseded: ['superseded'],
    pruned: [],
  };
  const everyState = [...states, 'pruned'] as const;

  it.each(everyState)(
    'lets %s become what the protocol says, and nothing else, by raw SQL',
    async (state) => {
      const allowed: string[] = [];
      for (const next of everyState) {
        const { key } = await rowIn(scratch.open(), state, state === 'delegated' ? undefined : over);
        const code = await write(key, into(next));
        if (code === 'done') allowed.push(next);
        else expect([next, code]).toEqual([next, noStep]);
      }
      expect(new Set(allowed)).toEqual(new Set(arrows[state]));
    },
  );

  it.each(everyState)('lets a new claim follow %s only where nobody holds it', async (state) => {
    const { key } = await rowIn(scratch.open(), state, state === 'delegated' ? undefined : over);
    const code = await write(
      key,
      `state = 'claimed', epoch = epoch + 1, token = gen_random_uuid(), doubt = true`,
    );
    expect(code).toBe(['claimed', 'unknown', 'released'].includes(state) ? 'done' : noStep);
  });

  it.each([
    ['a lease that stands', 'claimed', `epoch = epoch + 1, doubt = true`],
    ['an unknown outcome without its doubt', 'unknown', `state = 'claimed', epoch = epoch + 1`],
    ['an unknown outcome within its grace', 'unknown', `state = 'released'`],
    ['a claim, by another token', 'claimed', `token = gen_random_uuid()`],
    ['an epoch, backwards', 'unknown', `epoch = epoch + 2`],
    ['a result', 'committed', `outcome = 'another'`],
    ['a rejection', 'rejected', `outcome = null`],
    ['the time of a settlement', 'committed', `settled_at = now() - interval '1 year'`],
    ['the result of a superseded one', 'superseded', `outcome = 'another'`],
    ['what was done', 'committed', `action = 'refund'`],
    ['what it was done with', 'claimed', `fingerprint = sha256('x')`],
    ['whose it is', 'committed', `namespace = 'theirs'`],
    ['an id', 'committed', `request_id = 'order:2'`],
    ['an age', 'claimed', `claimed_at = now() - interval '1 year'`],
  ] as const)('does not let raw SQL change %s', async (_what, state, change) => {
    const { key } = await rowIn(scratch.open(), state);
    expect(await write(key, change)).toBe(noStep);
  });

  const dropped = `outcome_format = 'none', outcome = ''`;
  const pruned = `state = 'pruned', outcome_format = null, outcome = null`;
  const finality = { sources: ['bank'], quorum: 1, afterMs: 0 };
  it.each([
    ['a result', 'committed', {}, dropped, 'done'],
    ['a receipt', 'rejected', { retainMs: 0 }, pruned, 'done'],
    [
      'a result, whose time of settlement changes,',
      'committed',
      {},
      `${dropped}, settled_at = now()`,
      noStep,
    ],
    [
      'a result, of which another is left,',
      'committed',
      {},
      `outcome_format = 'none', outcome = 'x'`,
      noStep,
    ],
    ['a rejection', 'rejected', {}, dropped, noStep],
    ['the result of what is kept for longer', 'committed', { retainMs: lease }, dropped, noStep],
    ['what is kept for longer', 'rejected', { retainMs: lease }, pruned, noStep],
    ['the result of what is not final', 'committed', { finality }, dropped, noStep],
    ['what is not final', 'committed', { finality }, pruned, noStep],
  ] as const)(
    'prunes %s of a %s receipt (%p) by raw SQL or not',
    async (_what, state, more, change, code) => {
      const { key } = await rowIn(scratch.open(), state, lease, more);
      expect(await write(key, change)).toBe(code);
    },
  );

  it('does not let raw SQL prune what is contested', async () => {
    const store = scratch.open();
    for (const change of [dropped, pruned]) {
      const { key } = await rowIn(store, 'committed', lease, { finality });
      await store.addEvidence({ key, epoch: 1, source: 'bank', verdict: 'not-committed', contests: true });
      expect(await write(key, `final_at = now()`)).toBe('done');
      expect(await write(key, change)).toBe(noStep);
    }
  });
});

describe('a role that was granted what workers need', () => {
  let scratch: ScratchSchema;
  let pool: Pool;
  let role: ScratchRole;
  beforeAll(async () => {
    scratch = await scratchSchema();
    role = await loginRole((sql) => scratch.pool.query(sql));
    const said = await runCli(['migrate', '--workers', role.name, '--schema', scratch.schema]);
    expect(said).toMatchObject({ code: 0, err: '' });
    pool = new Pool({ connectionString: role.url, max: 2 });
  });
  afterAll(async () => {
    await pool.end();
    await role.drop();
    await scratch.close();
  });

  it('has all that doctor looks for, and no more', async () => {
    const args = [
      'doctor',
      '--json',
      '--no-temporal',
      '--schema',
      scratch.schema,
      '--database-url',
      role.url,
    ];
    const said = JSON.parse((await runCli(args)).out) as { check: string; verdict: string }[];
    expect(said.find(({ check }) => check === 'privileges')).toMatchObject({ verdict: 'ok' });
  });

  it.each([
    'delete from S.receipts',
    'truncate S.receipts',
    'drop table S.receipts',
    'drop trigger receipts_steps on S.receipts',
    'alter table S.receipts disable trigger all',
    'set session_replication_role = replica',
    'do $$ begin lock table S.receipts in access exclusive mode; end $$',
    "update S.receipts set request_id = 'mine'",
    'update S.receipts set fingerprint = fingerprint',
    'delete from S.evidence',
    "update S.evidence set verdict = 'not-committed'",
    "insert into S.timelines values ('forged', '-infinity')",
    'delete from S.timelines',
    "select S.audit_step(r.namespace, r.key, r.request_id, r.epoch, 'final', 'forged') from S.receipts r",
    'select S.audit_add(a) from S.audit a',
    'insert into S.migrations values (99, $$x$$, $$x$$)',
    "create or replace function S.check_step() returns trigger language plpgsql as 'begin return new; end'",
    'create table S.mine ()',
  ])('is denied: %s', async (sql) => {
    expect(await codeOf(pool.query(sql.replaceAll('S.', `"${scratch.schema}".`)))).toBe(denied);
  });

  // Mutation: a function that looks names up where its caller says.
  it('cannot slip its own tables under the function that keeps the histories of the database', async () => {
    const client = await pool.connect();
    try {
      await client.query(`create temporary table timelines (id text, seen_at timestamptz);
        set search_path = pg_temp, pg_catalog`);
      const { rows } = await client.query(`select "${scratch.schema}".failed_over_within(1e12) as seen`);
      expect([rows, (await client.query('select from pg_temp.timelines')).rowCount]).toEqual([
        [{ seen: false }],
        0,
      ]);
    } finally {
      client.release(true);
    }
  });
});

describe('a role that may only look', () => {
  it('lists, shows and counts by the command line, and claims and resolves nothing', async () => {
    const scratch = await scratchSchema();
    const role = await loginRole((sql) => scratch.pool.query(sql));
    try {
      await scratch.open().grant({ readers: [role.name] });
      const { requestId } = await rowIn(scratch.open(), 'unknown', over);
      const cli = (...args: string[]) =>
        runCli([...args, '--schema', scratch.schema, '--database-url', role.url]);
      expect([(await cli('list')).code, (await cli('stats')).code]).toEqual([0, 0]);
      const { token } = JSON.parse((await cli('show', requestId, '--json')).out) as { token: string };
      const decision = ['--token', token, '--not-committed', '--reason', 'looked', '--no-temporal'];
      expect(await cli('resolve', requestId, ...decision)).toMatchObject({
        code: 1,
        err: expect.stringMatching(/42501/),
      });
      const store = pgReceipts({ connectionString: role.url, max: 1 }, { schema: scratch.schema });
      expect(await codeOf(store.claim(requestFor('order:1')))).toBe('ReceiptStoreUnavailable');
      await store.close();
    } finally {
      await role.drop();
      await scratch.close();
    }
  });
});

describe('a hostile tenant', () => {
  let place: TenantedSchema;
  let hostile: Pool;
  beforeAll(async () => {
    place = await tenantedSchema();
    const victim = place.open('victim');
    const row = requestFor('invoice:1', { namespace: 'victim' });
    await victim.claim(row);
    await victim.settle({ ...row, epoch: 1, state: 'committed', outcome: outcomeOf('secret') });
    await victim.addEvidence({
      key: row.key,
      epoch: 1,
      source: 'webhook',
      verdict: 'committed',
      note: 'secret',
    });
    await rowIn(victim, 'unknown', over);
    await victim.takeDue({ limit: 1, holdMs: 0 });
    hostile = await place.poolOf('hostile');
    await place.open('hostile').claim(requestFor('invoice:1', { namespace: 'hostile' }));
  });
  afterAll(() => place.close());

  const run = (sql: string, values: unknown[] = []) =>
    hostile.query(sql.replaceAll('S.', `"${place.scratch.schema}".`), values);
  /** A complete row of another tenant's, as its worker would write it. */
  const forged = `insert into S.receipts (key, namespace, request_id, action, fingerprint, state, policy, token, lease_until)
    values ($1, $2, $3, 'charge', sha256('x'), 'claimed', 'hold', gen_random_uuid(), now())`;

  it('sees its own rows alone', async () => {
    for (const table of ['receipts', 'queue', 'sweeps']) {
      const { rows } = await run(`select distinct namespace from S.${table}`);
      expect(rows).toEqual(table === 'receipts' ? [{ namespace: 'hostile' }] : []);
    }
    expect((await run('select from S.evidence')).rowCount).toBe(0);
    expect((await run("select from S.receipts where namespace = 'victim' for update")).rowCount).toBe(0);
  });

  it.each([
    ['moves its rows into another namespace', "update S.receipts set namespace = 'victim'"],
    ['gives itself a policy', 'create policy mine on S.receipts using (true)'],
    ['turns the policies off', 'alter table S.receipts disable row level security'],
    ['does without them', 'set row_security = off; select * from S.receipts'],
    ['becomes the owner', 'set role postgres'],
    [
      'queues for another',
      "insert into S.queue (key, namespace, look_at) values (gen_random_uuid(), 'victim', now())",
    ],
    ['moves the sweep of another', "insert into S.sweeps values ('victim', now())"],
  ])('is denied when it %s', async (_what, sql) => {
    expect(await codeOf(run(sql))).toBe(denied);
  });

  it('changes nothing of others', async () => {
    for (const sql of [
      "update S.receipts set state = 'unknown' where namespace = 'victim'",
      "delete from S.queue where namespace = 'victim'",
    ])
      expect((await run(sql)).rowCount).toBe(0);
  });

  it('can neither take a key that another will use nor speak for it', async () => {
    const next = requestFor('invoice:2', { namespace: 'victim' });
    expect(await codeOf(run(forged, [next.key, 'victim', 'invoice:2']))).toBe(denied);
    expect(await codeOf(run(forged, [next.key, 'hostile', 'invoice:2']))).toBe(denied);
    // What it says of that key is its own, and nobody else's.
    const saying = `insert into S.evidence (key, epoch, source, verdict, namespace) values ($1, 1, 'webhook', 'committed', $2)`;
    expect(await codeOf(run(saying, [next.key, 'victim']))).toBe(denied);
    expect(await codeOf(run(saying, [next.key, null]))).toBe(denied);
    const own = requestFor('invoice:1', { namespace: 'hostile' });
    expect(await codeOf(run(saying, [own.key, 'victim']))).toBe(denied);
    await run(saying, [next.key, 'hostile']);
    expect(await place.open('victim').claim(next)).toMatchObject({ state: 'claimed' });
  });

  it('may use the very ids of others, which are other intents', async () => {
    const [mine] = await place.open('hostile').list();
    expect(mine).toMatchObject({ requestId: 'invoice:1', state: 'claimed', namespace: 'hostile' });
  });
});

describe('keys that the database computes', () => {
  let scratch: ScratchSchema;
  beforeAll(async () => (scratch = await scratchSchema()));
  afterAll(() => scratch.close());

  it.each(['invoice:42', 'счёт:42', '請求書:😀', 'a~g', '~g', 'x~g0', 'x~g1000', 'sha256:short', "'; --"])(
    'are those of the library: %s, its later generations, and its hash alone',
    async (requestId) => {
      const first = { requestId, requestIdHash: hashRequestId(requestId) };
      const hashed = { ...first, requestId: hashedRequestId(first.requestIdHash) };
      for (const namespace of ['default', 'a b.c-d_e', '1:x/'])
        for (const intent of [first, hashed])
          for (const { requestId: id, requestIdHash } of [
            intent,
            generationId(intent, 2),
            generationId(intent, 41),
          ]) {
            const { rows } = await scratch.pool.query(`select "${scratch.schema}".key_of($1, $2) as key`, [
              namespace,
              id,
            ]);
            expect(rows).toEqual([{ key: receiptKey(namespace, requestIdHash) }]);
          }
    },
  );
});

describe('what cannot be granted', () => {
  let scratch: ScratchSchema;
  beforeAll(async () => (scratch = await scratchSchema()));
  afterAll(() => scratch.close());

  it('is refused, and nothing is granted: a role that is not there', async () => {
    const granting = scratch.open().grant({ workers: ['nobody of that name'] });
    await expect(granting).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringMatching(/does not exist/),
    });
  });

  it.each([
    [{ workers: [''] }],
    [{ readers: ['x'.repeat(64)] }],
    [{ tenants: [{ role: 'r', namespace: "o'brien" }] }],
  ])('is refused before anything happens: %j', async (roles) => {
    await expect(scratch.open().grant(roles)).rejects.toMatchObject({ code: 'InvalidRequest' });
  });

  it('is printed, where one wants to read it first', async () => {
    const args = ['migrate', '--tenants', 'a"b=acme', '--print', '--schema', scratch.schema];
    const { code, out } = await runCli(args);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/create policy "a""b" on [^;]* with check \(namespace = 'acme'/),
    ]);
    expect((await runCli(['migrate', '--tenants', 'acme', '--print'])).code).toBe(2);
  });
});
