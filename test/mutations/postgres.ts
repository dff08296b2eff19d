/** Mutations of the guarded statements in SQL: state, token, epoch and lease of every one. */
import { inFile } from './mutation';

const sql = 'src/stores/postgres/statements.ts';

/** Other tests of that file cut connections and take long. */
const rollBack = 'effect through pg .*rolls back';
const rejectedInDoubt = "case when r.doubt and $3::text = 'rejected' then";

const claiming = inFile(
  sql,
  ['contract/pg'],
  [
    [
      7,
      'one claimer wins',
      'on conflict (key) do nothing',
      'on conflict (key) do update set token = excluded.token',
    ],
    [
      7,
      'a take-over is a compare-and-set on the epoch',
      'r.epoch = $2::integer\n  and (${free}',
      '$2::integer > 0\n  and (${free}',
    ],
    [
      1,
      'an unknown row is taken over only under retry',
      '($3::boolean and ${unresolved})',
      '($3::boolean is not null and ${unresolved})',
    ],
    [
      1,
      'committed evidence forbids to claim again',
      ' and ${noCommittedEvidence(schema)}\nreturning',
      '\nreturning',
    ],
    [3, 'a claim over an unknown one inherits the doubt', 'doubt = not ${free}', 'doubt = false'],
    [6, 'the epoch grows with every claim', 'epoch = r.epoch + 1', 'epoch = r.epoch'],
    [
      1,
      'a lease that ran out is never revived',
      "r.state = 'claimed' and r.lease_until > clock_timestamp()",
      "r.state = 'claimed'",
    ],
    [
      1,
      'only a claimed row is renewed',
      "r.state = 'claimed' and r.lease_until > clock_timestamp()",
      'r.lease_until > clock_timestamp()',
    ],
    [6, 'a stale token renews nothing', 'held.key = r2.key and held.token = r2.token', 'held.key = r2.key'],
    [
      1,
      'a transactional claim in doubt is unknown, not released',
      "'(r.transactional and not r.doubt)'",
      "'(r.transactional)'",
    ],
    [
      1,
      'a lease that stands is not unknown',
      "(r.state = 'claimed' and r.lease_until <= clock_timestamp())",
      "(r.state = 'claimed')",
    ],
  ],
);

const settling = inFile(
  sql,
  ['contract/pg'],
  [
    [
      6,
      'a stale token settles nothing',
      'r.token = $2::uuid\n    and (${open} or',
      '$2::uuid is not null\n    and (${open} or',
    ],
    [
      3,
      'a late rejection settles nothing',
      "($3::text = 'committed' and r.state in ('unknown', 'released'))",
      "(r.state in ('unknown', 'released'))",
    ],
    [
      2,
      'a late holder settles its released claim',
      "r.state in ('unknown', 'released')",
      "r.state = 'unknown'",
    ],
    [
      4,
      'a late holder settles its unknown claim',
      "r.state in ('unknown', 'released')",
      "r.state = 'released'",
    ],
    [
      3,
      'in doubt a rejection leaves the row unknown',
      `set state = ${rejectedInDoubt} 'unknown' else $3::text end`,
      'set state = $3::text',
    ],
    [
      2,
      'in doubt a rejection is no outcome',
      `outcome = ${rejectedInDoubt} null when`,
      'outcome = case when',
    ],
    [2, 'a settlement sent again finds itself', 'or r.state = $3::text or ($3', 'or ($3'],
    [2, 'a settled receipt is never changed', 'when r.state = $3::text then r.outcome else', 'else'],
    [
      6,
      'a late outcome is kept beside the receipt',
      'where not exists (select 1 from settled)',
      'where false',
    ],
    [
      2,
      'only a claimed row is delegated',
      "set state = 'delegated'\nwhere r.key = $1::uuid and r.token = $2::uuid and r.state = 'claimed'",
      "set state = 'delegated'\nwhere r.key = $1::uuid and r.token = $2::uuid",
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
      "'released' end\nwhere r.key = $1::uuid and r.token = $2::uuid and ${open}",
      "'released' end\nwhere r.key = $1::uuid and r.token = $2::uuid",
    ],
    [
      6,
      'a stale token releases nothing',
      "'released' end\nwhere r.key = $1::uuid and r.token = $2::uuid",
      "'released' end\nwhere r.key = $1::uuid and $2::uuid is not null",
    ],
    [
      2,
      'only an open row is marked unknown',
      "set state = 'unknown'\nwhere r.key = $1::uuid and r.token = $2::uuid and ${open}",
      "set state = 'unknown'\nwhere r.key = $1::uuid and r.token = $2::uuid",
    ],
    [
      6,
      'a stale token marks nothing unknown',
      "set state = 'unknown'\nwhere r.key = $1::uuid and r.token = $2::uuid",
      "set state = 'unknown'\nwhere r.key = $1::uuid and $2::uuid is not null",
    ],
    [
      1,
      'marking unknown keeps the lease',
      "set state = 'unknown'\nwhere",
      "set state = 'unknown', lease_until = clock_timestamp()\nwhere",
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
      "r.epoch = $2::integer\n    and case when $3::text = 'committed' then",
      "$2::integer > 0\n    and case when $3::text = 'committed' then",
    ],
    [
      1,
      'a "no" waits for the end of the lease',
      '(${unresolved} and r.lease_until <= clock_timestamp())',
      '(${unresolved})',
    ],
    [1, 'committed evidence vetoes a release', ' and ${noCommittedEvidence(schema)} end', ' end'],
    [
      6,
      'evidence is kept, whether it applies or not',
      'from ${schema}.receipts r where r.key = $1::uuid\n)\nselect state from resolved',
      'from ${schema}.receipts r join resolved on true where r.key = $1::uuid\n)\nselect state from resolved',
    ],
    [4, 'evidence takes the doubt away', 'end, doubt = false,', 'end,'],
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
      "    and (r.state not in ('claimed', 'unknown') or r.lease_until <= clock_timestamp())\n",
      '',
    ],
    [
      6,
      'a supersession speaks of one epoch',
      "r.epoch = $2::integer and r.state not in ('superseded', 'pruned')",
      "$2::integer > 0 and r.state not in ('superseded', 'pruned')",
    ],
    [
      2,
      'a tombstone is never superseded',
      "r.state not in ('superseded', 'pruned')",
      "r.state not in ('superseded')",
    ],
    [2, 'pruning takes settled rows only', " and p.state in ('committed', 'rejected', 'superseded')\n", '\n'],
    [
      2,
      'pruning waits as long as the claim asked for',
      "coalesce(p.retain_for, ${milliseconds('$2')})",
      "${milliseconds('$2')}",
    ],
    [2, 'pruning keeps to its namespace', 'p.namespace = $1::text', '$1::text is not null'],
    [
      4,
      'what is unresolved is listed',
      '(not $3::boolean or ${unresolved})',
      "(not $3::boolean or r.state = 'unknown')",
    ],
  ],
);

const together = [
  ...inFile(
    sql,
    ['pg/failover'],
    [
      [
        1,
        'after a failover an id that could be older has no new claim',
        "case when ${schema}.failed_over_within($12::float8) then 'unknown'",
        "case when ${schema}.failed_over_within($12::float8) then 'claimed'",
      ],
      [
        4,
        'a claim that a failover may have lost leaves evidence of why',
        "from claimed c where c.state = 'unknown'",
        "from claimed c where c.state = 'none'",
      ],
    ],
  ),
  ...inFile(
    sql,
    ['pg/transactions'],
    [
      [
        6,
        'a transaction settles under its own token alone',
        "r.token = $2::uuid and r.state = 'claimed' and r.transactional",
        "$2::uuid is not null and r.state = 'claimed' and r.transactional",
      ],
      [
        1,
        'a transaction settles a claimed row only',
        "r.token = $2::uuid and r.state = 'claimed' and r.transactional",
        'r.token = $2::uuid and r.transactional',
      ],
      [
        1,
        'a transaction settles a transactional claim only',
        "r.token = $2::uuid and r.state = 'claimed' and r.transactional",
        "r.token = $2::uuid and r.state = 'claimed'",
      ],
    ],
    { named: rollBack },
  ),
  ...inFile(
    sql,
    ['contract/pg'],
    [
      [
        8,
        'a transactional claim whose lease ran out is released',
        "(r.state = 'released' or (${lapsed} and ${nothingHappened}))",
        "(r.state = 'released')",
      ],
      [
        8,
        'a claim whose lease ran out is unknown',
        "(r.state = 'unknown' or (${lapsed} and not ${nothingHappened}))",
        "(r.state = 'unknown')",
      ],
    ],
  ),
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/transactions'],
    [
      [
        1,
        'a transaction without its receipt rolls back',
        'if (settled.length === 1) return value;',
        'if (settled) return value;',
      ],
    ],
    { named: rollBack },
  ),
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/races'],
    [[7, 'a claim that found no row looks again', 'tries < mostClaimTries', 'tries < 1']],
  ),
];

export const postgres = [...claiming, ...settling, ...resolving, ...together];
