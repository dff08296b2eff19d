/** Mutations of what a claimer does in SQL, alone and among many: state, token, epoch and lease. */
import { inFile } from './mutation';

const sql = 'src/stores/postgres/claim-statements.ts';
const fragments = 'src/stores/postgres/fragments.ts';

/** The contract on the way of many, without the one on the way of one. */
const many = { named: 'many calls together' };

/** Other tests of that file start processes and cut connections. */
const looksAgain = { named: 'statements that meet on one row a claim' };

const claiming = [
  ...inFile(
    sql,
    ['contract/pg'],
    [
      [
        7,
        'one claimer wins',
        "'now()')})\n  on conflict (key) do nothing",
        "'now()')})\n  on conflict (key) do update set token = excluded.token",
      ],
      [
        1,
        'what was said to have happened before there was a row is not claimed',
        'claimedUnlessSaid(schema, parameters.key)',
        "`'claimed'`",
      ],
      [1, 'a claim stores its grace time', '${milliseconds(of.graceMs)}', '0 * ${milliseconds(of.graceMs)}'],
      [
        2,
        'a claim stores how long its receipt is kept',
        '${milliseconds(of.retainMs)}',
        'nullif(${milliseconds(of.retainMs)}, ${milliseconds(of.retainMs)})',
      ],
      [
        2,
        'a claim stores when its outcome is final',
        '${of.finality}::jsonb',
        'nullif(${of.finality}::jsonb, ${of.finality}::jsonb)',
      ],
    ],
  ),
  ...inFile(
    sql,
    ['contract/pg'],
    [
      [
        7,
        'one claimer wins, among many',
        'order by a.key\n  on conflict (key) do nothing',
        'order by a.key\n  on conflict (key) do update set token = excluded.token',
      ],
      [
        1,
        'what was said to have happened is not claimed, among many',
        "claimedUnlessSaid(schema, 'a.key')",
        "`'claimed'`",
      ],
    ],
    many,
  ),
  ...inFile(
    sql,
    ['pg/together'],
    [[8, 'many claims go in the order of their keys', '\n  order by a.key\n', '\n']],
    { named: 'opposite orders' },
  ),
  ...inFile(
    'src/stores/postgres/together.ts',
    ['pg/races'],
    [[7, 'a claim that found no row looks again', 'tries < mostClaimTries', 'tries < 1']],
    looksAgain,
  ),
  ...inFile(
    'src/stores/postgres/store.ts',
    ['pg/races'],
    [
      [
        7,
        'a claim after a failover that found no row looks again',
        'if (!row) return this.claims.ask(request);',
        'if (!row) return undefined as never;',
      ],
    ],
    looksAgain,
  ),
];

const keeping = inFile(
  sql,
  ['contract/pg'],
  [
    [
      7,
      'a take-over is a compare-and-set on the epoch',
      'and r.epoch = $2::integer and not r.contested\n',
      'and not r.contested\n',
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
      ' and ${noCommittedEvidence(schema)}\n  returning',
      '\n  returning',
    ],
    [3, 'a claim over an unknown one inherits the doubt', 'doubt = not ${free}', 'doubt = false'],
    [6, 'the epoch grows with every claim', 'epoch = r.epoch + 1', 'epoch = r.epoch'],
    [
      1,
      'a take-over stores its grace time',
      "grace = ${milliseconds('$9')}",
      "grace = 0 * ${milliseconds('$9')}",
    ],
    [
      1,
      'a lease that ran out is never revived',
      "where r.key = mine.key and r.state = 'claimed' and r.lease_until > clock_timestamp()",
      "where r.key = mine.key and r.state = 'claimed'",
    ],
    [
      1,
      'only a claimed row is renewed',
      "where r.key = mine.key and r.state = 'claimed' and r.lease_until > clock_timestamp()",
      'where r.key = mine.key and r.lease_until > clock_timestamp()',
    ],
    [6, 'a stale token renews nothing', 'held.key = r2.key and held.token = r2.token', 'held.key = r2.key'],
  ],
);

const meaning = inFile(
  fragments,
  ['contract/pg'],
  [
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
);

const lost = [
  ...inFile(
    sql,
    ['pg/failover'],
    [
      [
        1,
        'after a failover an id that could be older has no new claim',
        'past.lost or past.happened',
        'past.happened',
      ],
      [
        4,
        'a claim that a failover may have lost leaves evidence of why',
        "may have been lost'\n  from claimed c, past where past.lost",
        "may have been lost'\n  from claimed c, past where past.lost and past.happened",
      ],
      [
        7,
        'one claimer wins, also where a failover may have lost a claim',
        'on conflict (key) do nothing\n  returning key, namespace,',
        'on conflict (key) do update set token = excluded.token\n  returning key, namespace,',
      ],
    ],
  ),
  ...inFile(
    sql,
    ['pg/failover-edges'],
    [
      [
        1,
        'a claim that a failover lost is as old as it may be',
        "`case when past.lost then now() - ${milliseconds('$14')} else now() end`",
        "'now()'",
      ],
      [
        1,
        'a claim without a row, but with committed evidence, is unknown',
        'past.lost or past.happened',
        'past.lost',
      ],
    ],
  ),
];

const replicated = inFile(
  'src/stores/postgres/together.ts',
  ['pg/standby'],
  [
    [
      1,
      'a claim that is found there waits for the standby',
      'if (!isOwn) return',
      'if (isOwn !== undefined) return',
    ],
  ],
  { named: 'asked for again' },
);

export const postgresClaims = [...claiming, ...keeping, ...meaning, ...lost, ...replicated];
