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
    [6, 'a stale token settles nothing, among many', ' and r.token = a.token and', ' and'],
    [6, 'a stale token writes no receipt anew over a row', 'where r.token = excluded.token and', 'where'],
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
    [[8, 'many settlements go in the order of their keys', 'order by a.key offset 0', 'offset 0']],
    { named: 'opposite orders' },
  ),
  ...inFile(
    sql,
    ['pg/plans'],
    [[8, 'many settlements are looked up by key', ' and ${schema}.read_by_key(r.key)', '']],
  ),
  ...inFile(
    'src/stores/postgres/claim-statements.ts',
    ['pg/plans'],
    [[8, 'a row that is there is looked up by key', ' and ${schema}.read_by_key(r.key)', '']],
  ),
  ...inFile(
    'src/stores/postgres/fragments.ts',
    ['pg/plans'],
    [[8, 'evidence is looked up by key', ' and ${schema}.read_by_key(e.key)', '']],
  ),
  ...inFile(
    sql,
    ['pg/together'],
    [
      [
        6,
        'a receipt that is written anew has its epoch',
        '${after(2)}::integer',
        '1 + 0 * ${after(2)}::integer',
      ],
      [
        4,
        'a receipt that is written anew is as old as its claim',
        '`${after(1)}::timestamptz`',
        '`coalesce(now(), ${after(1)}::timestamptz)`',
      ],
      [
        1,
        'a receipt that is written anew has its grace time',
        'newClaim(parameters,',
        'newClaim({ ...parameters, graceMs: `0 * ${parameters.graceMs}` },',
      ],
      [
        2,
        'a receipt that is written anew is final by its own terms',
        'newClaim(parameters,',
        'newClaim({ ...parameters, finality: `nullif(${parameters.finality}, ${parameters.finality})` },',
      ],
      [
        2,
        'a receipt that is written anew is kept as long as its claim asked for',
        'newClaim(parameters,',
        'newClaim({ ...parameters, retainMs: `nullif(${parameters.retainMs}, ${parameters.retainMs})` },',
      ],
    ],
    { named: 'written anew' },
  ),
  ...inFile(
    'src/stores/postgres/together.ts',
    ['pg/together'],
    [
      [
        2,
        'a receipt whose claim was lost is written anew',
        'const [anew] = await run(sql.settleAnew, wholeSettlementParameters(namespace, settlement));',
        'const anew = undefined;',
      ],
    ],
    { named: 'written anew' },
  ),
  ...inFile(
    'src/stores/postgres/together.ts',
    ['contract/pg'],
    [
      [
        6,
        'what came too late to be settled among many is kept as evidence',
        'return answers;',
        "for (const { key } of settlements) if (!answers.has(key)) answers.set(key, 'late');\n    return answers;",
      ],
      [
        6,
        'what came too late to be written anew is kept as evidence',
        'return settledAlone(await run(sql.settle, [...parameters, epoch, namespace]));',
        "return 'late';",
      ],
    ],
    { named: '^outcomes in .*many calls together' },
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
