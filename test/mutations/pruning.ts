/** Mutations of pruning: what goes, what stays, and how much is read at a time. */
import { inFile } from './mutation';

export const pruning = [
  ...inFile(
    'src/stores/postgres/pruning.ts',
    ['contract/pg'],
    [
      [
        2,
        'pruning takes settled rows only',
        "`(p.state in ('committed', 'rejected') or (p.state = 'superseded' and p.outcome_format is not null))`",
        "'true'",
      ],
      [
        2,
        'a superseded row stays one when it is pruned',
        "case when r.state = 'superseded' then r.state else 'pruned' end",
        "'pruned'",
      ],
      [
        8,
        'a superseded row is pruned once',
        "(p.state = 'superseded' and p.outcome_format is not null)",
        "p.state = 'superseded'",
      ],
      [
        2,
        'pruning waits as long as the claim asked for',
        "coalesce(p.retain_for, ${milliseconds('$2')})",
        "${milliseconds('$2')}",
      ],
      [2, 'pruning keeps to its namespace', 'p.namespace = $1::text', '$1::text is not null'],
      [
        2,
        'only a result that is large goes before its receipt',
        'octet_length(p.outcome) > $5::float8',
        'octet_length(p.outcome) > $5::float8 - 1000',
      ],
      [
        2,
        'only a committed receipt is worth something without its outcome',
        "p.state = 'committed' and octet",
        'octet',
      ],
      [2, 'what is not final is kept', ' and (p.finality is null or p.final_at is not null)', ''],
      [2, 'a result that was pruned is known to be missing', '${noResult.format}', 'json'],
    ],
    { named: 'pruning' },
  ),
  ...inFile(
    'src/stores/postgres/pruning.ts',
    ['pg/pruning'],
    [
      [8, 'pruning goes on where it stopped', 'this.reached.get(statement) ?? start', 'start'],
      [8, 'a limit leaves nothing out', 'if (pruned < limit) after', 'after'],
      [
        8,
        'a step of pruning reads no more than its receipts',
        "(select coalesce(step.until, 'infinity') from step)",
        "'infinity'",
      ],
    ],
    { named: 'stopped|its step' },
  ),
  ...inFile(
    'src/stores/memory.ts',
    ['contract/memory'],
    [
      [2, 'only a result that is large goes before its receipt', '> (resultsOverBytes ?? 0)', '>= 0'],
      [
        2,
        'a result is pruned without its receipt',
        '(isWhole ? isPrunable(row) : isLarge(row))',
        'isPrunable(row)',
      ],
    ],
    { named: 'large results' },
  ),
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['security/privileges'],
    [
      [
        2,
        'what is kept for longer is not pruned, whoever tries',
        "or clock_timestamp() - old.settled_at < coalesce(old.retain_for, interval '0')",
        '',
      ],
      [
        2,
        'what is contested is not pruned, whoever tries',
        'boolean := old.contested or (old',
        'boolean := (old',
      ],
      [
        2,
        'what is not final is not pruned, whoever tries',
        'or (old.finality is not null and old.final_at is null)',
        '',
      ],
      [2, 'what is left of a pruned result is nothing', "'none' and new.outcome = '')", "'none')"],
    ],
    { named: 'prune' },
  ),
  ...inFile(
    'src/temporal/worker/patience.ts',
    ['unit/preflight'],
    [
      [
        4,
        'a receipt is kept for longer than its activity is retried',
        'scheduleToCloseMs <= retainMs',
        'scheduleToCloseMs > retainMs',
      ],
    ],
    { named: 'longer than its receipt' },
  ),
];
