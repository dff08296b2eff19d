/** Mutations of what shows whoever has to see it that an outcome is unknown. */
import { inFile } from './mutation';

export const outstanding = [
  ...inFile(
    'src/stores/postgres/outstanding-statements.ts',
    ['contract/pg'],
    [
      [4, 'what the reconciler has in its queue is seen', 'where q.namespace = $1::text', 'where false'],
      [4, 'what waits for a person is seen', 'and c.contested', 'and false'],
      [4, 'what no sweep has come by is seen', "n.state in ('claimed', ", 'n.state in ('],
      [
        4,
        'what nobody knows comes before what was handed over',
        "state = 'delegated' and not contested, ",
        '',
      ],
    ],
    { named: 'what needs somebody' },
  ),
  ...inFile(
    'src/stores/postgres/outstanding-statements.ts',
    ['pg/plans'],
    [
      [
        8,
        'what needs somebody is found by indexes',
        'n.claimed_at > coalesce(',
        "n.claimed_at + interval '0' > coalesce(",
      ],
    ],
    { named: 'without reading all receipts' },
  ),
  ...inFile(
    'src/stores/postgres/migrations.generated.ts',
    ['pg/plans'],
    [[8, 'settling a claim touches no index', '(namespace) where contested', '(namespace, state)']],
    { named: 'stay HOT' },
  ),
  ...inFile(
    'src/stores/postgres/statements.ts',
    ['contract/pg'],
    [
      [
        4,
        'a transaction that became unknown when it had left the queue is seen',
        'greatest(m.lease_until, clock_timestamp()) from marked m',
        'greatest(m.lease_until, clock_timestamp()) from marked m where false',
      ],
    ],
    { named: 'had let it go' },
  ),
  ...inFile(
    'src/stores/postgres/claim-statements.ts',
    ['pg/failover-edges'],
    [
      [
        4,
        'what a failover lost is seen',
        'c.lease_until from claimed c, past where past.lost',
        'c.lease_until from claimed c, past where false',
      ],
    ],
  ),
  ...inFile(
    'src/core/receipt.ts',
    ['contract/memory'],
    [
      [
        4,
        'what is contested needs somebody',
        'isUnresolved(receipt) || receipt.contested ||',
        'isUnresolved(receipt) ||',
      ],
    ],
    { named: 'what needs somebody' },
  ),
  ...inFile(
    'src/core/show-command.ts',
    ['unit/show-command'],
    [
      [4, 'the command of a failure is one word for each', "text.replaceAll(\"'\", `'\\\\''`)", 'text'],
      [4, 'a request id is no option', "requestId.startsWith('-') ? '-- ' : ''", "''"],
    ],
  ),
  ...inFile(
    'src/claims/claims.ts',
    ['otel/claims'],
    [
      [
        4,
        'an unknown outcome is told as one',
        "return { error: 'OutcomeUnknown' };",
        "return { answer: 'replayed' };",
      ],
    ],
    { named: 'a claim for an effect' },
  ),
  ...inFile(
    'src/claims/holding.ts',
    ['otel/claims'],
    [[4, 'a late settlement is told', "emit('late');", "emit('unknown');"]],
    { named: 'a claim for an effect' },
  ),
  ...inFile(
    'src/claims/watched.ts',
    ['otel/claims'],
    [[4, 'that the receipts are away is told', "error.code === 'ReceiptStoreUnavailable'", 'false']],
    { named: 'a claim for an effect' },
  ),
];
