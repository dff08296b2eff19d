/** Pruning: what was settled long ago becomes a tombstone, and its result may go before that. */
import type { PruneRequest } from '../../core';
import { noResult } from '../../core';
import type { Run, Statement } from './driver';
import { milliseconds, type Named } from './fragments';

/** The key of what is said of many receipts together. */
const noReceipt = '00000000-0000-0000-0000-000000000000';

/** Rows that one statement looks at: so few that a claim beside it hardly waits, whether for a processor or for a commit. */
const rowsInStep = 1000;

/** Rows that one call prunes at most. */
const mostPruned = 10_000;

/** Before the first row. */
const start = '-infinity';

/**
 * One step through the receipts, in the order of their first claims: there are indexes on that and on the key alone, for one on
 * what changes would make every settlement dearer. Not what a person or a source still has to say something of.
 */
const step = (
  schema: string,
  change: string,
  what: string,
  said: string,
): string => `with step as materialized (
  select (select s.claimed_at from ${schema}.receipts s
    where s.claimed_at > $4::text::timestamptz and s.claimed_at <= 'infinity'
    order by s.claimed_at offset ${rowsInStep - 1} limit 1) as until
), pruned as (
  update ${schema}.receipts as r set ${change}
  where r.key = any(array(
    select p.key from ${schema}.receipts p
    where p.claimed_at > $4::text::timestamptz and p.claimed_at <= (select coalesce(step.until, 'infinity') from step)
      and p.namespace = $1::text and not p.contested and (p.finality is null or p.final_at is not null)
      and ${what} and now() - p.settled_at >= coalesce(p.retain_for, ${milliseconds('$2')})
    order by p.claimed_at limit $3::integer for update skip locked))
  returning r.key
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note, namespace)
  select '${noReceipt}', 0, 'prune', 'undetermined', count(*) || ' ${said}', $1::text from pruned having count(*) > 0
)
select (select count(*) from pruned)::integer as pruned,
  to_char(step.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as until from step`;

/** @param schema the quoted name of the schema */
export function pruneStatements(schema: string, named: Named) {
  return {
    // What stays is the tombstone: a call on it fails, and does not run again. One that was superseded goes on to lead to the
    // generation after it.
    prune: named(
      'prune',
      step(
        schema,
        `state = case when r.state = 'superseded' then r.state else 'pruned' end, outcome_format = null, outcome = null, origin = '{}'`,
        `(p.state in ('committed', 'rejected') or (p.state = 'superseded' and p.outcome_format is not null))`,
        'receipts became tombstones',
      ),
    ),

    // What stays is a receipt that says that it happened.
    dropResults: named(
      'drop_results',
      step(
        schema,
        `outcome_format = '${noResult.format}', outcome = ''`,
        `p.state = 'committed' and octet_length(p.outcome) > $5::float8`,
        'results were dropped',
      ),
    ),
  };
}

/** Goes through the receipts of one namespace, step by step. */
export class Pruning {
  /** Where the next call goes on: what is behind it would be read again and again. */
  private readonly reached = new Map<Statement, string>();

  constructor(
    private readonly run: Run,
    private readonly sql: ReturnType<typeof pruneStatements>,
    private readonly namespace: string,
  ) {}

  /** @returns how many; fewer than `limit` once it has come to the end */
  async prune({ retainMs, limit = mostPruned, resultsOverBytes }: PruneRequest): Promise<number> {
    const isWhole = resultsOverBytes === undefined;
    const statement = isWhole ? this.sql.prune : this.sql.dropResults;
    let pruned = 0;
    let after = this.reached.get(statement) ?? start;
    do {
      const parameters = [this.namespace, retainMs, limit - pruned, after];
      const [row] = await this.run(statement, isWhole ? parameters : [...parameters, resultsOverBytes]);
      pruned += Number(row?.['pruned']);
      // Where the limit is reached there may be more in this step.
      if (pruned < limit) after = (row?.['until'] as string | null) ?? start;
      this.reached.set(statement, after);
    } while (pruned < limit && after !== start);
    return pruned;
  }
}
