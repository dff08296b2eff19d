/** What settles a claim. */
import { failoverSource, writtenAnew } from '../../core';
import { claimColumns, claimTypes, lists, newClaim, parameters } from './claim-statements';
import { final, open, type Named } from './fragments';

/** What a settlement writes. Over a claim in doubt a rejection says nothing; sent again it changes nothing. */
const settling = (state: string, format: string, outcome: string): string => {
  const saysNothing = `r.doubt and ${state} = 'rejected'`;
  return `state = case when ${saysNothing} then 'unknown' else ${state} end,
    outcome_format = case when ${saysNothing} then null when r.state = ${state} then r.outcome_format else ${format} end,
    outcome = case when ${saysNothing} then null when r.state = ${state} then r.outcome else ${outcome} end,
    settled_at = case when ${saysNothing} then null else coalesce(r.settled_at, now()) end,
    contested = r.contested and r.finality is not null`;
};

/** A late "committed" still settles a row that nobody has claimed since. The same settlement sent again finds itself. */
const isSettledBy = (state: string): string =>
  `(${open} or r.state = ${state} or (${state} = 'committed' and r.state in ('unknown', 'released')))`;

/** The values of many settlements, in the order of `settlementLists`. */
const settledTypes = {
  key: 'uuid',
  token: 'uuid',
  state: 'text',
  format: 'text',
  start: 'integer',
  length: 'integer',
};

/** The place of what comes after the values of a claim. */
const after = (n: number): string => `$${Object.keys(claimTypes).length + 1 + n}`;

/** When this statement settled it; nothing where somebody had before, whose outcome stays. */
const settledMs = `case when r.settled_at = now() then floor(extract(epoch from r.settled_at) * 1000)::float8 end as settled_ms`;

/** @param schema the quoted name of the schema */
export function outcomeStatements(schema: string, named: Named) {
  const update = `update ${schema}.receipts as r
  set ${settling('$3::text', '$4::text', '$5::bytea')}
  where r.key = $1::uuid and r.token = $2::uuid and ${isSettledBy('$3::text')}
  returning r.state`;
  return {
    // The usual case: a claim that is held.
    settleHeld: named('settle_held', `${update}, ${settledMs}`),

    // In the order of their keys, as claims are; outcomes come one after the other.
    settleHeldMany: named(
      'settle_held_many',
      `update ${schema}.receipts as r
set ${settling('a.state', 'a.format', 'substr($1::bytea, a.start, a.length)')}
from (select * from ${lists(settledTypes, 2)} order by a.key offset 0) a
where r.key = a.key and ${schema}.read_by_key(r.key) and r.token = a.token and ${isSettledBy('a.state')}
returning r.key::text as key, r.state, ${settledMs}`,
    ),

    // Where a failover has lost the claim.
    settleAnew: named(
      'settle_anew',
      `with anew as (
  insert into ${schema}.receipts as r (${claimColumns}, epoch, outcome_format, outcome, settled_at)
  values (${newClaim(parameters, `${after(3)}::text`, `${after(1)}::timestamptz`)}, ${after(2)}::integer, ${after(4)}::text, ${after(5)}::bytea, now())
  on conflict (key) do update set ${settling('excluded.state', 'excluded.outcome_format', 'excluded.outcome')}
  where r.token = excluded.token and ${isSettledBy('excluded.state')}
  returning r.key, r.namespace, r.epoch, r.state, ${settledMs}
), lost as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note, namespace)
  select a.key, a.epoch, '${failoverSource}', 'undetermined', '${writtenAnew}', a.namespace
  from anew a
)
select state, settled_ms from anew`,
    ),

    // Anything that comes too late to settle is kept as evidence. Also while the first one waits for its row.
    settle: named(
      'settle',
      `with settled as (
  ${update}
), late as (
  insert into ${schema}.evidence (key, epoch, source, verdict, outcome_format, outcome, namespace, late)
  select $1::uuid, $6::integer, 'late-settle', $3::text, $4::text, $5::bytea, $7::text,
    exists (select from ${schema}.receipts r where r.key = $1::uuid and ${final})
  where not exists (select 1 from settled)
  returning 'late' as state
)
select state from settled union all select state from late`,
    ),

    // The receipt of a transaction, in that transaction: without the claim it cannot be written, and nothing commits.
    settleWithin: named(
      'settle_within',
      `update ${schema}.receipts as r
set state = 'committed', outcome_format = $3::text, outcome = $4::bytea, settled_at = now()
where r.key = $1::uuid and r.token = $2::uuid and r.state = 'claimed' and r.transactional
  and current_setting('activity_guard.claim', true) = $2::text
returning r.state`,
    ),

    // Local to the transaction: where it is gone, somebody has ended that transaction.
    beginEffect: named('begin_effect', `select set_config('activity_guard.claim', $1::text, true)`),

    runningEffect: named('running_effect', `select current_setting('activity_guard.claim', true) as token`),
  };
}
