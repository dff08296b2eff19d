/**
 * The SQL of the guard, one text for every driver. Each state change is one guarded statement; its row count says
 * whether it applied.
 */
import { sha256Hex } from '../../ids';
import { auditStatements } from './audit-log';
import { claimStatements, reclaimStatements } from './claim-statements';
import {
  columns,
  evidenceColumns,
  final,
  free,
  milliseconds,
  noCommittedEvidence,
  open,
  provisional,
  receiptColumn,
  unresolved,
  type Named,
} from './fragments';
import { stepLimitMs } from './driver';
import { inspectionStatements } from './inspection';
import { outcomeStatements } from './outcome-statements';
import { outstandingStatements } from './outstanding-statements';
import { pruneStatements } from './pruning';

/** As `stepLimitMs`, for what goes through many rows, which takes its time. */
const manyRowsLimitMs = 120_000;

/** What ends a claim without an outcome, and what resolves it. */
function doubtStatements(schema: string, named: Named) {
  return {
    // Not past its lease: somebody may already have been told that the row is unknown, and have asked the provider.
    delegate: named(
      'delegate',
      `update ${schema}.receipts as r set state = 'delegated'
where r.key = $1::uuid and r.token = $2::uuid
  and ((r.state = 'claimed' and r.lease_until > clock_timestamp()) or r.state = 'delegated')
returning r.state`,
    ),

    // A worker of release 0.1.0 claims it again without a word on transactions: its claim must not pass for one.
    release: named(
      'release',
      `update ${schema}.receipts as r set state = case when r.doubt then 'unknown' else 'released' end, transactional = false
where r.key = $1::uuid and r.token = $2::uuid and ${open}
returning r.state`,
    ),

    // The lease keeps its length: a probe must not count before the request can no longer be on its way. What went on
    // elsewhere, without a lease, was perhaps sent just now. A transaction whose lease ran out had left the queue.
    markUnknown: named(
      'mark_unknown',
      `with marked as (
  update ${schema}.receipts as r set state = 'unknown',
    lease_until = case when r.state = 'delegated' then greatest(r.lease_until, clock_timestamp()) else r.lease_until end
  where r.key = $1::uuid and r.token = $2::uuid and ${open}
  returning r.*
), queued as (
  insert into ${schema}.queue (key, namespace, look_at)
  select m.key, m.namespace, greatest(m.lease_until, clock_timestamp()) from marked m on conflict (key) do nothing
)
select state from marked`,
    ),

    // A person decides on what was seen: a row that has changed since is left alone. Others do not decide what is contested.
    resolve: named(
      'resolve',
      `with seen as materialized (
  select $8::text is null or exists (select from ${schema}.receipts r where r.key = $1::uuid and r.state = $8::text
    and (select count(*) from ${schema}.evidence e where e.key = r.key) = $9::integer) as fits
), resolved as (
  update ${schema}.receipts as r
  set state = case $3::text when 'committed' then 'committed' when 'compensated' then 'rejected' else 'released' end,
    doubt = false, contested = false, transactional = r.transactional and $3::text <> 'not-committed',
    outcome_format = $6::text, outcome = $7::bytea,
    settled_at = case when $3::text <> 'not-committed' then now() end,
    final_at = case when $3::text <> 'not-committed' and $4::text = 'operator' and r.finality is not null then now() end
  from seen
  where r.key = $1::uuid and r.epoch = $2::integer and seen.fits and ($8::text is null or r.state = $8::text)
    and (not r.contested or $4::text = 'operator')
    and case when $3::text = 'not-committed'
        then ((${unresolved} and r.lease_until + r.grace <= clock_timestamp()) or r.state = 'delegated') and ${noCommittedEvidence(schema)}
      else ${unresolved} or ${free} or r.state = 'delegated' end
  returning r.state
), confirmed as (
  update ${schema}.receipts as r set contested = false, final_at = now()
  from seen
  where r.key = $1::uuid and r.epoch = $2::integer and seen.fits and $4::text = 'operator' and ${provisional}
    and (r.state = 'committed') = ($3::text = 'committed')
  returning r.state
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note, outcome_format, outcome, actor, late)
  select r.key, $2::integer, $4::text, $3::text, $5::text, $11::text, $12::bytea, $10::text, ${final}
  from ${schema}.receipts r, seen where r.key = $1::uuid and seen.fits
)
select state from resolved union all select state from confirmed`,
    ),
  };
}

/** What nobody's claim does: evidence, operators, and time. */
function careStatements(schema: string, named: Named) {
  return {
    addEvidence: named(
      'add_evidence',
      `with contested as (
  update ${schema}.receipts as r
  set contested = true, state = case when r.state in ('claimed', 'released') then 'unknown' else r.state end
  where $8::boolean and r.key = $1::uuid and r.epoch = $9::integer and not r.contested
    and (${unresolved} or ${free} or ${provisional})
)
insert into ${schema}.evidence (key, epoch, source, verdict, note, outcome_format, outcome, actor, late, namespace)
select $1::uuid, $2::integer, $3::text, $4::text, $5::text, $6::text, $7::bytea, $10::text,
  exists (select from ${schema}.receipts r where r.key = $1::uuid and ${final}), $11::text`,
    ),

    finalize: named(
      'finalize',
      `update ${schema}.receipts as r set final_at = now()
where r.key = $1::uuid and r.epoch = $2::integer and ${provisional} and not r.contested
  and r.settled_at + (r.finality->>'afterMs')::float8 * interval '1 millisecond' <= clock_timestamp()
  and (select count(*) from ${schema}.evidence e where e.key = r.key) = $3::integer
returning r.state`,
    ),

    // Not while somebody can still act on the claim: that act would belong to no receipt.
    supersede: named(
      'supersede',
      `with superseded as (
  update ${schema}.receipts as r set state = 'superseded', settled_at = coalesce(r.settled_at, now()), contested = false
  where r.key = $1::uuid and r.epoch = $2::integer and r.state = $5::text
    and r.state not in ('delegated', 'superseded', 'pruned')
    and (r.state not in ('claimed', 'unknown') or r.lease_until + r.grace <= clock_timestamp())
  returning r.key, r.epoch
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note, actor)
  select s.key, s.epoch, $3::text, 'superseded', $4::text, $6::text from superseded s
)
select key from superseded`,
    ),
  };
}

/** What is looked at again and again until it is found out: the queue. */
function queueStatements(schema: string, named: Named, ofMany: Named) {
  // For so long after a claim its row may not be seen yet by a sweep, or its lease stand.
  const window = `interval '1 minute'`;
  return {
    // Claims that are open are put into the queue: at once when their lease has run out, and all that leave the window,
    // for they are not gone through again. One sweep at a time, and each claim is read in a few of them only.
    sweep: ofMany(
      'sweep',
      `with last as (
  select s.namespace, s.swept_until as since, least(now(), clock_timestamp()) - ${window} as until
  from ${schema}.sweeps s where s.namespace = $1::text for update skip locked
), found as (
  insert into ${schema}.queue (key, namespace, look_at)
  select r.key, r.namespace, greatest(r.lease_until, clock_timestamp())
  from last, ${schema}.receipts r
  where r.claimed_at > last.since and r.namespace = last.namespace
    and (${unresolved} or r.state = 'delegated' or ${provisional} or (r.state = 'claimed' and r.claimed_at <= last.until))
  on conflict (key) do nothing
)
update ${schema}.sweeps s set swept_until = greatest(s.swept_until, last.until) from last where s.namespace = last.namespace`,
    ),

    firstSweep: named(
      'first_sweep',
      `insert into ${schema}.sweeps (namespace) values ($1::text) on conflict do nothing`,
    ),

    // A claim that is held is looked at when its lease is over; what is settled, released or a person's is not any more.
    takeDue: ofMany(
      'take_due',
      `with due as materialized (
  select q.key from ${schema}.queue q where q.namespace = $1::text and q.look_at <= clock_timestamp()
  order by q.look_at limit $2::integer for update skip locked
), known as materialized (
  select r.key, r.lease_until, r.state = 'claimed' and r.lease_until > clock_timestamp() as held,
    not r.contested and (${unresolved} or r.state = 'delegated' or ${provisional}) as looked_at
  from due join ${schema}.receipts r on r.key = due.key
), gone as (
  delete from ${schema}.queue q using due left join known on known.key = due.key
  where q.key = due.key and not coalesce(known.held or known.looked_at, false)
), taken as (
  update ${schema}.queue q
  set look_at = case when known.held then known.lease_until else clock_timestamp() + ${milliseconds('$3')} end,
    looks = q.looks + case when known.held then 0 else 1 end
  from known where q.key = known.key and (known.held or known.looked_at)
  returning q.key as taken_key, q.looks - 1 as looks, known.held
)
select ${columns}, looks from taken join ${schema}.receipts on key = taken_key where not held`,
    ),

    lookAgain: named(
      'look_again',
      `update ${schema}.queue q set look_at = clock_timestamp() + looks.in_ms * interval '1 millisecond'
from unnest($1::text::uuid[], $2::text::float8[]) as looks (key, in_ms) where q.key = looks.key`,
    ),
  };
}

/** What only looks. */
function readStatements(schema: string, named: Named, ofMany: Named) {
  const listed = `select ${receiptColumn}, case when not $10::boolean then outcome end as outcome from ${schema}.receipts r
where r.namespace = $1::text and ($2::text is null or r.state = any($2::text::text[])) and (not $3::boolean or ${unresolved})
  and ($5::text is null or r.origin->>'workflowId' = $5::text)
  and r.claimed_at >= coalesce($6::text::timestamptz, '-infinity')
  and r.claimed_at < coalesce($7::text::timestamptz, 'infinity') and ($8::text is null or r.action = $8::text)
  and (not $9::boolean or r.contested)`;
  return {
    get: named('get', `select ${columns} from ${schema}.receipts r where r.key = $1::uuid`),

    // Key by key: without statistics, a list of keys and an order read all rows by id (10 s for 200 of 100,000 keys).
    evidenceOf: named(
      'evidence_of',
      `select wanted.key::text as key, ${evidenceColumns}
from unnest($1::text::uuid[]) as wanted (key)
cross join lateral (select * from ${schema}.evidence e where e.key = wanted.key offset 0) as e order by e.id`,
    ),

    list: ofMany('list', `${listed}\norder by r.claimed_at desc, r.key limit $4::integer`),

    // A statement of its own: ordered by what a parameter says, every page would sort all rows. So would the one plan
    // for all parameters, which takes the bounds of the time for narrow.
    listAfter: {
      ...ofMany('list_after', `${listed} and r.key > $11::uuid\norder by r.key limit $4::integer`),
      plansAnew: true,
    },

    countStates: ofMany(
      'count_states',
      `select state, count(*)::integer as count, (count(*) filter (where ${unresolved}))::integer as unresolved,
  (count(*) filter (where r.contested))::integer as contested,
  (extract(epoch from clock_timestamp() - min(r.claimed_at) filter (where ${unresolved})) * 1000)::float8 as oldest_ms
from ${schema}.receipts r where r.namespace = $1::text group by state`,
    ),

    countEvidence: ofMany(
      'count_evidence',
      `select e.source, e.verdict, count(*)::integer as count from ${schema}.evidence e
join ${schema}.receipts r on r.key = e.key where r.namespace = $1::text group by e.source, e.verdict order by 1, 2`,
    ),

    settings: named(
      'settings',
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
  pg_is_in_recovery() as in_recovery, to_regclass($1::text) is not null as installed`,
    ),

    description: named(
      'description',
      `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms, ${schema}.current_timeline() is not null as tells_history,
  current_setting('synchronous_standby_names') = '' and exists (select from pg_catalog.pg_stat_replication) as replicates_late`,
    ),

    // The earlier a failover is noticed, the fewer ids seem older than it.
    noteTimeline: named('note_timeline', `select ${schema}.failed_over_within(0)`),

    migrationsApplied: named(
      'migrations_applied',
      `select number, sha256 from ${schema}.migrations order by number`,
    ),
  };
}

export type Statements = ReturnType<typeof statements>;

/** @param schema the quoted name of the schema */
export function statements(schema: string) {
  // The name holds a hash of the text: one connection (of a pool, or of a pooler) can serve several schemas and
  // several versions of this library, and none may run another's statement under its own name.
  const named: Named = (name, text) => ({
    name: `activity_guard_${name}_${sha256Hex(text).slice(0, 16)}`,
    text,
  });
  const step: Named = (name, text) => ({ ...named(name, text), limitMs: stepLimitMs });
  const ofMany: Named = (name, text) => ({ ...named(name, text), limitMs: manyRowsLimitMs });
  return {
    ...claimStatements(schema, step),
    ...reclaimStatements(schema, step),
    ...outcomeStatements(schema, step),
    ...doubtStatements(schema, step),
    ...careStatements(schema, step),
    ...pruneStatements(schema, ofMany),
    ...queueStatements(schema, step, ofMany),
    ...readStatements(schema, step, ofMany),
    ...outstandingStatements(schema, ofMany),
    ...inspectionStatements(schema, named),
    ...auditStatements(schema, ofMany),
  };
}
