/** What settles a claim. */
import { claimTypes, lists, snakeCase } from './claim-statements';
import { final, milliseconds, open, type Named } from './fragments';

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

/** The values of many settlements: of their claims, and of what became of them, in the order of `settlementLists`. */
const settledTypes = {
  ...claimTypes,
  state: 'text',
  epoch: 'integer',
  claimedAt: 'timestamptz',
  format: 'text',
  start: 'integer',
  length: 'integer',
};

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

    // Written as an insert, which needs no join: an update made a plan for empty tables and kept it (a third of the
    // speed). Where a failover has lost the claim the receipt is written anew. Outcomes come one after the other.
    settleMany: named(
      'settle_many',
      `insert into ${schema}.receipts as r (${['namespace', ...Object.keys(claimTypes).filter((name) => !/Ms$/.test(name))].map(snakeCase).join(', ')},
    lease_until, grace, retain_for, state, epoch, claimed_at, outcome_format, outcome, settled_at)
select $1::text, a.key, a.request_id, a.action, decode(a.fingerprint, 'hex'), a.policy, a.token, a.origin::jsonb, a.transactional, a.finality::jsonb,
  clock_timestamp(), ${milliseconds('a.grace_ms')}, ${milliseconds('a.retain_ms')}, a.state, a.epoch, a.claimed_at, a.format,
  substr($2::bytea, a.start, a.length), now()
from ${lists(settledTypes, 3)}
order by a.key
on conflict (key) do update set ${settling('excluded.state', 'excluded.outcome_format', 'excluded.outcome')}
where r.token = excluded.token and ${isSettledBy('excluded.state')}
returning r.key::text as key, r.state, ${settledMs}`,
    ),

    // Anything that comes too late to settle is kept as evidence. Also while the first one waits for its row.
    settle: named(
      'settle',
      `with settled as (
  ${update}
), late as (
  insert into ${schema}.evidence (key, epoch, source, verdict, outcome_format, outcome, late)
  select $1::uuid, $6::integer, 'late-settle', $3::text, $4::text, $5::bytea,
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
