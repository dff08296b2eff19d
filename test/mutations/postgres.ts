/** Mutations of the guarded statements in SQL that leave, resolve or close a claim, and of transactions. */
import { inFile } from './mutation';

const sql = 'src/stores/postgres/statements.ts';

/** Other tests of that file cut connections and take long. */
const rollBack = 'effect through pg .*rolls back';
/** Its claims come first and have nothing to do with resolutions. */
const notClaims = '^(outcomes|care|reading) in';

const leaving = inFile(
  sql,
  ['contract/pg'],
  [
    [
      2,
      'only an open row is delegated',
      "((r.state = 'claimed' and r.lease_until > clock_timestamp()) or r.state = 'delegated')",
      "(r.lease_until > clock_timestamp() or r.state = 'delegated')",
    ],
    [
      1,
      'only a standing lease is given up for a delegation',
      "((r.state = 'claimed' and r.lease_until > clock_timestamp()) or r.state = 'delegated')",
      "r.state in ('claimed', 'delegated')",
    ],
    [
      1,
      'a delegation sent again finds itself',
      "((r.state = 'claimed' and r.lease_until > clock_timestamp()) or r.state = 'delegated')",
      "(r.state = 'claimed' and r.lease_until > clock_timestamp())",
    ],
    [
      6,
      'a stale token delegates nothing',
      "set state = 'delegated'\nwhere r.key = $1::uuid and r.token = $2::uuid",
      "set state = 'delegated'\nwhere r.key = $1::uuid and $2::uuid is not null",
    ],
    [
      1,
      'a release in doubt leaves the row unknown',
      "set state = case when r.doubt then 'unknown' else 'released' end",
      "set state = 'released'",
    ],
    [
      2,
      'only an open row is released',
      "'released' end, transactional = false\nwhere r.key = $1::uuid and r.token = $2::uuid and ${open}",
      "'released' end, transactional = false\nwhere r.key = $1::uuid and r.token = $2::uuid",
    ],
    [
      6,
      'a stale token releases nothing',
      "'released' end, transactional = false\nwhere r.key = $1::uuid and r.token = $2::uuid",
      "'released' end, transactional = false\nwhere r.key = $1::uuid and $2::uuid is not null",
    ],
    [
      2,
      'only an open row is marked unknown',
      'else r.lease_until end\n  where r.key = $1::uuid and r.token = $2::uuid and ${open}',
      'else r.lease_until end\n  where r.key = $1::uuid and r.token = $2::uuid',
    ],
    [
      6,
      'a stale token marks nothing unknown',
      'else r.lease_until end\n  where r.key = $1::uuid and r.token = $2::uuid',
      'else r.lease_until end\n  where r.key = $1::uuid and $2::uuid is not null',
    ],
    [1, 'marking unknown keeps the lease', 'else r.lease_until end\n', 'else clock_timestamp() end\n'],
    [
      1,
      'a delegated row that is marked unknown has a lease until now',
      "'delegated' then greatest(r.lease_until, clock_timestamp())",
      "'delegated' then r.lease_until",
    ],
    [
      1,
      'marking a delegated row unknown does not shorten its lease',
      "'delegated' then greatest(r.lease_until, clock_timestamp())",
      "'delegated' then clock_timestamp()",
    ],
  ],
);

const resolving = inFile(
  sql,
  ['contract/pg'],
  [
    [
      6,
      'a resolution speaks of one epoch',
      'where r.key = $1::uuid and r.epoch = $2::integer and seen.fits and ($8::text',
      'where r.key = $1::uuid and seen.fits and ($8::text',
    ],
    [
      1,
      'a "no" waits for the end of the lease',
      '(${unresolved} and r.lease_until + r.grace <= clock_timestamp())',
      '(${unresolved})',
    ],
    [
      1,
      'a "no" waits for the grace time of the claim',
      '(${unresolved} and r.lease_until + r.grace <= clock_timestamp())',
      '(${unresolved} and r.lease_until <= clock_timestamp())',
    ],
    [
      1,
      'committed evidence vetoes a release',
      " or r.state = 'delegated') and ${noCommittedEvidence(schema)}",
      " or r.state = 'delegated')",
    ],
    [
      6,
      'evidence is kept, whether it applies or not',
      'from ${schema}.receipts r, seen where r.key = $1::uuid and seen.fits',
      'from ${schema}.receipts r, seen, resolved where r.key = $1::uuid and seen.fits',
    ],
    [
      4,
      'evidence takes the doubt away',
      'doubt = false, contested = false, trans',
      'contested = false, trans',
    ],
    [
      4,
      'what was released in error is still settled by committed evidence',
      "${unresolved} or ${free} or r.state = 'delegated'",
      "${unresolved} or r.state = 'delegated'",
    ],
    [
      4,
      'a delegated claim can be resolved',
      "<= clock_timestamp()) or r.state = 'delegated')",
      '<= clock_timestamp()))',
    ],
    [
      1,
      'nothing is superseded while somebody can still act on it',
      "    and (r.state not in ('claimed', 'unknown') or r.lease_until + r.grace <= clock_timestamp())\n",
      '',
    ],
    [
      1,
      'nothing is superseded before its grace time is over',
      "    and (r.state not in ('claimed', 'unknown') or r.lease_until + r.grace <= clock_timestamp())\n",
      "    and (r.state not in ('claimed', 'unknown') or r.lease_until <= clock_timestamp())\n",
    ],
    [
      1,
      'a delegated row is not superseded',
      "r.state not in ('delegated', 'superseded', 'pruned')",
      "r.state not in ('superseded', 'pruned')",
    ],
    [
      6,
      'a supersession speaks of one epoch',
      'r.epoch = $2::integer and r.state = $5::text',
      '$2::integer > 0 and r.state = $5::text',
    ],
    [
      6,
      'a supersession speaks of the state that was seen',
      'r.epoch = $2::integer and r.state = $5::text',
      'r.epoch = $2::integer and $5::text is not null',
    ],
    [
      2,
      'a tombstone is never superseded',
      "r.state not in ('delegated', 'superseded', 'pruned')",
      "r.state not in ('delegated', 'superseded')",
    ],
    [
      4,
      'what is unresolved is listed',
      '(not $3::boolean or ${unresolved})',
      "(not $3::boolean or r.state = 'unknown')",
    ],
  ],
  { named: notClaims },
);

const transactions = [
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/transactions'],
    [
      [
        1,
        'a transaction without its receipt rolls back',
        'if (settled.length !== 1) throw await this.unsettled(run, effect);',
        '',
      ],
    ],
    { named: rollBack },
  ),
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/transaction-edges'],
    [
      [3, 'who ended the transaction left it unknown', "if (mark?.['token'] !== token) {", 'if (!mark) {'],
      [
        1,
        'a transaction is marked with its claim',
        'first: (run) => run(this.sql.beginEffect, [token]),',
        '',
      ],
    ],
  ),
  ...inFile(
    'src/stores/pg.ts',
    ['pg/transaction-edges'],
    [
      [
        1,
        'a transaction that is over takes no query',
        'await work(lent).finally(() => (isOpen = false))',
        'await work(lent)',
      ],
      [8, 'a transaction survives a renewal of its claim', 'begin isolation level read committed', 'begin'],
      [
        1,
        'what throws is rolled back',
        "await client.query(bounded('rollback')).catch(() => (broken = true));",
        "await client.query(bounded('commit')).catch(() => (broken = true));",
      ],
    ],
  ),
  ...inFile(
    'src/stores/postgres-js.ts',
    ['pg/transaction-edges'],
    [
      [
        8,
        'a transaction through postgres.js survives a renewal of its claim',
        "'isolation level read committed'",
        "''",
      ],
    ],
    { named: '^a transaction through postgres' },
  ),
  ...inFile(
    'src/stores/pg.ts',
    ['unit/pg-transaction'],
    [
      [
        3,
        'a COMMIT that is answered by ROLLBACK is no success',
        "if (ended.command === 'COMMIT') return value;",
        'if (ended) return value;',
      ],
    ],
  ),
  ...inFile(
    'src/stores/postgres/while-open.ts',
    ['unit/pg-transaction'],
    [
      [
        1,
        'what was lent takes no call once it is over',
        'if (!isOpen()) throw takenBack();\n        return Reflect.apply(value',
        'return Reflect.apply(value',
      ],
      [
        1,
        'what was lent is not called once it is over',
        'if (!isOpen()) throw takenBack();\n      return Reflect.apply(target',
        'return Reflect.apply(target',
      ],
    ],
  ),
];

/** A connection can be half open. */
const waits = inFile(
  sql,
  ['unit/postgres-statements'],
  [
    [8, 'a step is not waited for without end', ', limitMs: stepLimitMs });', ' });'],
    [
      8,
      'what goes through many rows is not waited for without end',
      ', limitMs: manyRowsLimitMs });',
      ' });',
    ],
  ],
);

export const postgres = [...leaving, ...resolving, ...transactions, ...waits];
