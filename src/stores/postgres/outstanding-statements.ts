/** What needs somebody, found without reading all receipts. */
import { receiptColumn, unresolved, type Named } from './fragments';

/** @param schema the quoted name of the schema */
export function outstandingStatements(schema: string, named: Named) {
  // Sweeps have put what was open into the queue, up to a time. What was claimed since is gone through: where nothing
  // reconciles, that is all receipts. What is contested is a person's, and not in the queue. The upper bound tells the
  // planner that the range is narrow.
  const outstanding = `with found (found_key) as materialized (
  select q.key from ${schema}.queue q where q.namespace = $1::text
  union select c.key from ${schema}.receipts c where c.namespace = $1::text and c.contested
  union select n.key from ${schema}.receipts n
  where n.claimed_at > coalesce((select s.swept_until from ${schema}.sweeps s where s.namespace = $1::text), '-infinity')
    and n.claimed_at <= 'infinity' and n.namespace = $1::text and n.state in ('claimed', 'delegated', 'unknown')
), outstanding as (
  select r.*, ${unresolved} as is_unresolved from found join ${schema}.receipts r on r.key = found_key
  where ${unresolved} or r.contested or r.state = 'delegated'
)`;
  // Asked seldom, so planned anew each time: a plan that was made for few receipts would read all of many.
  const seldom: Named = (name, text) => ({ ...named(name, text), plansAnew: true });
  return {
    outstanding: seldom(
      'outstanding',
      `${outstanding}
select ${receiptColumn} from outstanding order by state = 'delegated' and not contested, claimed_at, key limit $2::integer`,
    ),

    countOutstanding: seldom(
      'count_outstanding',
      `${outstanding}
select (count(*) filter (where is_unresolved))::integer as unresolved, (count(*) filter (where contested))::integer as contested,
  (extract(epoch from clock_timestamp() - min(claimed_at) filter (where is_unresolved)) * 1000)::float8 as oldest_ms
from outstanding`,
    ),
  };
}
