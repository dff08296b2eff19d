/** Mutations of what the tables refuse whoever writes them, and of statements that were prepared before a migration. */
import { inFile } from './mutation';

const tables = [
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['pg/migrate'],
    [
      [
        3,
        'a receipt is in a known state',
        "check (value in ('claimed',",
        "check (true or value in ('claimed',",
      ],
      [1, 'a receipt has a known policy', "check (value in ('hold',", "check (true or value in ('hold',"],
      [6, 'epochs are counted from one', 'check (value > 0)', 'check (value is not null)'],
      [
        2,
        'a receipt has the whole fingerprint of its payload',
        'octet_length(value) = 32',
        'octet_length(value) > 0',
      ],
    ],
    { named: '^the tables' },
  ),
];

const privileges = [
  ...inFile(
    'src/stores/postgres/privileges.ts',
    ['security/privileges'],
    [
      [2, 'a tenant takes no key of another', ' and key = ${schema}.key_of(namespace, request_id)', ''],
      [2, 'a tenant speaks for itself alone', '(namespace is null and exists', '(exists'],
      [
        6,
        'workers do not delete receipts',
        "deleted: readonly string[] = ['queue']",
        "deleted: readonly string[] = ['receipts', 'queue']",
      ],
      [6, 'workers update column by column', '`grant update (${columns}) on', '`grant update on'],
      [2, 'row-level security begins with the first tenant', 'tenants.length > 0', 'tenants.length > 1'],
    ],
  ),
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['security/privileges'],
    [
      [
        2,
        'a settled result never changes',
        'and (new.outcome_format, new.outcome) is not distinct from (old.outcome_format, old.outcome))',
        ')',
      ],
      [
        6,
        'an epoch grows by one',
        '(new.epoch, new.token) <> (old.epoch, old.token)',
        'new.token <> old.token',
      ],
      [
        1,
        'a "no" comes after lease and grace',
        "new.state in ('released', 'superseded') and is_after_grace",
        "new.state in ('released', 'superseded')",
      ],
      [
        6,
        'no claim follows a lease that stands',
        "(old.state = 'claimed' and has_lapsed))",
        "old.state = 'claimed')",
      ],
    ],
  ),
];

const prepared = [
  ...inFile(
    'src/stores/postgres/prepared.ts',
    ['pg/upgrade'],
    [[8, 'a statement whose plan a migration has changed is sent again', "'42P05', '0A000']", "'42P05']"]],
    { named: 'a migration beside a running worker' },
  ),
];

export const postgresSchema = [...tables, ...privileges, ...prepared];
