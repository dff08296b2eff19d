/**
 * The SQL of the guard, one text for every driver. Each state change is one guarded statement; its row count
 * says whether it applied. Time is the database's own: `clock_timestamp()` where a wait for a lock may lie
 * between the start of the statement and the row, so that a lease never seems longer than it is.
 */
import { sha256Hex } from '../../ids';
import type { Statement } from './driver';

const columns = `key::text as key, namespace, request_id, action, encode(fingerprint, 'hex') as fingerprint, state, policy,
    token::text as token, epoch, doubt, transactional, (extract(epoch from grace) * 1000)::float8 as grace_ms,
    (extract(epoch from lease_until - clock_timestamp()) * 1000)::float8 as lease_remaining_ms,
    (extract(epoch from clock_timestamp() - claimed_at) * 1000)::float8 as age_ms,
    to_char(claimed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as claimed_at,
    to_char(settled_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as settled_at,
    outcome_format, outcome, origin::text as origin`;

const milliseconds = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;

/** Its holder did not renew the lease. */
const lapsed = `(r.state = 'claimed' and r.lease_until <= clock_timestamp())`;

/** Without its receipt a transaction cannot have committed; only an attempt before it leaves a doubt. */
const nothingHappened = '(r.transactional and not r.doubt)';

/** Unknown, or as good as. */
const unresolved = `(r.state = 'unknown' or (${lapsed} and not ${nothingHappened}))`;

/** Nothing happened, so it may be claimed again. */
const free = `(r.state = 'released' or (${lapsed} and ${nothingHappened}))`;

/** Its holder may still say what became of it. */
const open = `r.state in ('claimed', 'delegated')`;

/** Any source that says *committed* forbids to run the effect again. */
const noCommittedEvidence = (schema: string): string =>
  `not exists (select 1 from ${schema}.evidence e where e.key = r.key and e.verdict = 'committed')`;

type Named = (name: string, text: string) => Statement;

/** A step that has no answer by then gets none from this connection, which may be half open: it is given up. */
const stepLimitMs = 10_000;

const newClaim = (
  state: string,
  claimedAt: string,
): string => `$1::uuid, $2::text, $3::text, $4::text, decode($5::text, 'hex'), ${state}, $6::text, $7::uuid,
    clock_timestamp() + ${milliseconds('$8')}, $9::text::jsonb, $10::boolean, ${milliseconds('$11')}, ${milliseconds('$12')}, ${claimedAt}`;

/**
 * Inserts a claim or reads the row that is there; `past` says whether a failover may have lost an older one. What was
 * said of an intent before there was a row, or of one that is lost, counts as well. The loser of a race for one key can
 * get no row at all: its snapshot is older than the winner's commit.
 */
const claimText = (schema: string, past: string, claimedAt: string): string => `with past as materialized (
  select ${past} as lost, exists (select from ${schema}.evidence e where e.key = $1::uuid and e.verdict = 'committed') as happened
), claimed as (
  insert into ${schema}.receipts as r (key, namespace, request_id, action, fingerprint, state, policy, token, lease_until,
    origin, transactional, grace, retain_for, claimed_at)
  select ${newClaim(`case when past.lost or past.happened then 'unknown' else 'claimed' end`, claimedAt)}
  from past
  on conflict (key) do nothing
  returning ${columns}
), lost as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note)
  select c.key::uuid, c.epoch, 'failover', 'undetermined', 'no row was found after a failover in which one may have been lost'
  from claimed c, past where past.lost
)
select * from claimed
union all
select ${columns} from ${schema}.receipts r where r.key = $1::uuid and not exists (select 1 from claimed)`;

/** What a claimer and a holder do. */
function claimStatements(schema: string, named: Named) {
  return {
    claim: named('claim', claimText(schema, 'false', 'now()')),

    // A claim on an intent that an earlier attempt may have claimed in a history of the database that was lost. Then it is
    // as old as that may be: a provider may have forgotten its key.
    claimAgain: named(
      'claim_again',
      claimText(
        schema,
        `${schema}.failed_over_within($13::float8)`,
        `case when past.lost then now() - ${milliseconds('$13')} else now() end`,
      ),
    ),

    takeOver: named(
      'take_over',
      `update ${schema}.receipts as r
set state = 'claimed', epoch = r.epoch + 1, doubt = not ${free}, token = $4::uuid, policy = $5::text,
  lease_until = clock_timestamp() + ${milliseconds('$6')}, origin = $7::text::jsonb, transactional = $8::boolean,
  grace = ${milliseconds('$9')}, retain_for = ${milliseconds('$10')}
where r.key = $1::uuid and r.epoch = $2::integer
  and (${free} or ($3::boolean and ${unresolved})) and ${noCommittedEvidence(schema)}
returning ${columns}`,
    ),

    // A lease that ran out is never revived: a probe may already have been told "no".
    renew: named(
      'renew',
      `update ${schema}.receipts as r set lease_until = clock_timestamp() + ${milliseconds('$3')}
from (select r2.key from ${schema}.receipts r2
  join unnest($1::text::uuid[], $2::text::uuid[]) as held (key, token) on held.key = r2.key and held.token = r2.token
  order by r2.key for update of r2) as mine
where r.key = mine.key and r.state = 'claimed' and r.lease_until > clock_timestamp()
returning r.token::text as token`,
    ),
  };
}

/** What settles a claim. */
function outcomeStatements(schema: string, named: Named) {
  return {
    // A late "committed" still settles a row that nobody has claimed since; anything else late is kept as evidence.
    // The same settlement sent again finds itself, also while the first one waits for its row.
    settle: named(
      'settle',
      `with settled as (
  update ${schema}.receipts as r
  set state = case when r.doubt and $3::text = 'rejected' then 'unknown' else $3::text end,
    outcome_format = case when r.doubt and $3::text = 'rejected' then null when r.state = $3::text then r.outcome_format else $4::text end,
    outcome = case when r.doubt and $3::text = 'rejected' then null when r.state = $3::text then r.outcome else $5::bytea end,
    settled_at = case when r.doubt and $3::text = 'rejected' then null else coalesce(r.settled_at, now()) end
  where r.key = $1::uuid and r.token = $2::uuid
    and (${open} or r.state = $3::text or ($3::text = 'committed' and r.state in ('unknown', 'released')))
  returning r.state
), late as (
  insert into ${schema}.evidence (key, epoch, source, verdict, outcome_format, outcome)
  select $1::uuid, $6::integer, 'late-settle', $3::text, $4::text, $5::bytea
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
    // elsewhere, without a lease, was perhaps sent just now.
    markUnknown: named(
      'mark_unknown',
      `update ${schema}.receipts as r set state = 'unknown',
  lease_until = case when r.state = 'delegated' then greatest(r.lease_until, clock_timestamp()) else r.lease_until end
where r.key = $1::uuid and r.token = $2::uuid and ${open}
returning r.state`,
    ),

    resolve: named(
      'resolve',
      `with resolved as (
  update ${schema}.receipts as r
  set state = case when $3::text = 'committed' then 'committed' else 'released' end, doubt = false,
    transactional = r.transactional and $3::text = 'committed',
    outcome_format = $6::text, outcome = $7::bytea,
    settled_at = case when $3::text = 'committed' then now() end
  where r.key = $1::uuid and r.epoch = $2::integer
    and case when $3::text = 'committed' then ${unresolved} or ${free} or r.state = 'delegated'
      else ((${unresolved} and r.lease_until + r.grace <= clock_timestamp()) or r.state = 'delegated') and ${noCommittedEvidence(schema)} end
  returning r.state
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note, outcome_format, outcome)
  select r.key, $2::integer, $4::text, $3::text, $5::text, $6::text, $7::bytea from ${schema}.receipts r where r.key = $1::uuid
)
select state from resolved`,
    ),
  };
}

/** What nobody's claim does: evidence, operators, and time. */
function careStatements(schema: string, named: Named) {
  return {
    addEvidence: named(
      'add_evidence',
      `insert into ${schema}.evidence (key, epoch, source, verdict, note, outcome_format, outcome)
values ($1::uuid, $2::integer, $3::text, $4::text, $5::text, $6::text, $7::bytea)`,
    ),

    // Not while somebody can still act on the claim: that act would belong to no receipt.
    supersede: named(
      'supersede',
      `with superseded as (
  update ${schema}.receipts as r set state = 'superseded', settled_at = coalesce(r.settled_at, now())
  where r.key = $1::uuid and r.epoch = $2::integer and r.state = $5::text
    and r.state not in ('delegated', 'superseded', 'pruned')
    and (r.state not in ('claimed', 'unknown') or r.lease_until + r.grace <= clock_timestamp())
  returning r.key, r.epoch
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note)
  select s.key, s.epoch, $3::text, 'superseded', $4::text from superseded s
)
select key from superseded`,
    ),

    // What stays is the tombstone: a call on it fails, and does not run again. One that was superseded goes on to lead to
    // the generation after it.
    prune: named(
      'prune',
      `update ${schema}.receipts as r set state = case when r.state = 'superseded' then r.state else 'pruned' end,
  outcome_format = null, outcome = null, origin = '{}'
where r.key = any(array(
  select p.key from ${schema}.receipts p
  where p.namespace = $1::text
    and (p.state in ('committed', 'rejected') or (p.state = 'superseded' and p.outcome_format is not null))
    and now() - p.settled_at >= coalesce(p.retain_for, ${milliseconds('$2')})
  limit $3::integer for update skip locked))
returning r.key`,
    ),
  };
}

/** What only looks. */
function readStatements(schema: string, named: Named) {
  const listed = `select ${columns} from ${schema}.receipts r
where r.namespace = $1::text and ($2::text is null or r.state = any($2::text::text[])) and (not $3::boolean or ${unresolved})
  and ($5::text is null or r.origin->>'workflowId' = $5::text)
  and r.claimed_at >= coalesce($6::text::timestamptz, '-infinity')
  and r.claimed_at < coalesce($7::text::timestamptz, 'infinity') and ($8::text is null or r.action = $8::text)`;
  return {
    get: named('get', `select ${columns} from ${schema}.receipts r where r.key = $1::uuid`),

    evidenceOf: named(
      'evidence_of',
      `select source, verdict, epoch, note, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at
from ${schema}.evidence where key = $1::uuid order by id`,
    ),

    list: named('list', `${listed}\norder by r.claimed_at desc, r.key limit $4::integer`),

    // A statement of its own: ordered by what a parameter says, every page would sort all rows. So would the one plan
    // for all parameters, which takes the bounds of the time for narrow.
    listAfter: {
      ...named('list_after', `${listed} and r.key > $9::uuid\norder by r.key limit $4::integer`),
      plansAnew: true,
    },

    countStates: named(
      'count_states',
      `select state, count(*)::integer as count, (count(*) filter (where ${unresolved}))::integer as unresolved
from ${schema}.receipts r where r.namespace = $1::text group by state`,
    ),

    countEvidence: named(
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
  return {
    ...claimStatements(schema, step),
    ...outcomeStatements(schema, step),
    ...doubtStatements(schema, step),
    ...careStatements(schema, named),
    ...readStatements(schema, named),
  };
}
