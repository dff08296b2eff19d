/** Mutations of what settles a claim in SQL, alone and among many, and in the transaction of its effect. */
import { inFile } from './mutation';

const sql = 'src/stores/postgres/outcome-statements.ts';

/** Other tests of that file cut connections and take long. */
const rollBack = 'effect through pg .*rolls back';
const outcomes = '^(outcomes|evidence) in';

const settling = inFile(
  sql,
  ['contract/pg'],
  [
    [
      6,
      'a stale token settles nothing',
      "r.token = $2::uuid and ${isSettledBy('$3::text')}",
      "$2::uuid is not null and ${isSettledBy('$3::text')}",
    ],
    [6, 'a stale token settles nothing, among many', 'where r.token = excluded.token and', 'where'],
    [3, 'a late rejection settles nothing', "(${state} = 'committed' and ", '('],
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
      "state = case when ${saysNothing} then 'unknown' else ${state} end",
      'state = ${state}',
    ],
    [
      2,
      'in doubt a rejection is no outcome',
      'outcome = case when ${saysNothing} then null when',
      'outcome = case when',
    ],
    [
      2,
      'in doubt a rejection settles nothing',
      'case when ${saysNothing} then null else coalesce(r.settled_at, now()) end',
      'coalesce(r.settled_at, now())',
    ],
    [2, 'a settlement sent again finds itself', ' or r.state = ${state} or (', ' or ('],
    [2, 'a settled receipt is never changed', 'when r.state = ${state} then r.outcome else', 'else'],
    [2, 'a receipt keeps the time of its settlement', 'coalesce(r.settled_at, now())', 'now()'],
    [
      4,
      'what its own holder saw is contested no more',
      'r.contested and r.finality is not null',
      'r.contested',
    ],
    [
      6,
      'a late outcome is kept beside the receipt',
      'where not exists (select 1 from settled)',
      'where false',
    ],
  ],
  { named: outcomes },
);

const together = [
  ...inFile(
    sql,
    ['pg/together'],
    [[8, 'many settlements go in the order of their keys', '\norder by a.key\n', '\n']],
    { named: 'opposite orders' },
  ),
  ...inFile(
    sql,
    ['pg/together'],
    [
      [6, 'a receipt that is written anew has its epoch', 'a.state, a.epoch,', 'a.state, 1,'],
      [
        4,
        'a receipt that is written anew is as old as its claim',
        'a.claimed_at, a.format',
        'now(), a.format',
      ],
      [
        1,
        'a receipt that is written anew has its grace time',
        "${milliseconds('a.grace_ms')}",
        "0 * ${milliseconds('a.grace_ms')}",
      ],
      [2, 'a receipt that is written anew is final by its own terms', 'a.finality::jsonb', 'null::jsonb'],
      [
        2,
        'a receipt that is written anew is kept as long as its claim asked for',
        "${milliseconds('a.retain_ms')}",
        'null::interval',
      ],
    ],
    { named: 'written anew' },
  ),
];

const transactions = [
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
    ['pg/transaction-edges'],
    [
      [
        1,
        'a receipt is written in the transaction of its effect alone',
        "\n  and current_setting('activity_guard.claim', true) = $2::text",
        '',
      ],
      [1, 'the mark of a transaction ends with it', '$1::text, true)`', '$1::text, false)`'],
    ],
  ),
];

export const postgresOutcomes = [...settling, ...together, ...transactions];
