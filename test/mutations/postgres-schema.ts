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

const prepared = [
  ...inFile(
    'src/stores/postgres/prepared.ts',
    ['pg/upgrade'],
    [[8, 'a statement whose plan a migration has changed is sent again', "'42P05', '0A000']", "'42P05']"]],
    { named: 'a migration beside a running worker' },
  ),
];

export const postgresSchema = [...tables, ...prepared];
