/** What a claimer does, and a holder to keep its claim. */
import { attemptSource, failoverSource } from '../../core';
import {
  columns,
  free,
  milliseconds,
  noCommittedEvidence,
  saidToHaveHappened,
  unresolved,
  type Named,
} from './fragments';

/** What a claim writes. */
export const claimColumns = `key, namespace, request_id, action, fingerprint, state, policy, token, lease_until, origin, transactional, grace,
    retain_for, finality, claimed_at`;

/** The row of a claim; `of` names the place of each value. */
export const newClaim = (of: ClaimValues, state: string, claimedAt: string): string =>
  `${of.key}, ${of.namespace}, ${of.requestId}, ${of.action}, decode(${of.fingerprint}, 'hex'), ${state}, ${of.policy}, ${of.token},
    clock_timestamp() + ${milliseconds(of.leaseMs)}, ${of.origin}::jsonb, ${of.transactional}, ${milliseconds(of.graceMs)},
    ${milliseconds(of.retainMs)}, ${of.finality}::jsonb, ${claimedAt}`;

/** The values of a claim in the order in which they are parameters, with their types. */
export const claimTypes = {
  key: 'uuid',
  requestId: 'text',
  action: 'text',
  fingerprint: 'text',
  policy: 'text',
  token: 'uuid',
  origin: 'text',
  transactional: 'boolean',
  graceMs: 'float8',
  retainMs: 'float8',
  finality: 'text',
  leaseMs: 'float8',
} as const;

type ClaimValues = Readonly<Record<keyof typeof claimTypes | 'namespace', string>>;

/** One claim, whose values are parameters of their own. */
export const parameters = Object.fromEntries([
  ['namespace', '$1::text'],
  ...Object.entries(claimTypes).map(([name, type], i) => [name, `$${i + 2}::${type}`]),
]) as ClaimValues;

/**
 * Many claims or settlements, of which each value is a list. The lists are selected, so that the planner does not see
 * how long they are: it would plan each statement anew (250 µs), for how many there happen to be.
 */
export const lists = (types: Readonly<Record<string, string>>, first: number): string =>
  `unnest(${Object.values(types)
    .map((type, i) => `(select $${i + first}::text)::${type}[]`)
    .join(', ')}) as a (${Object.keys(types).map(snakeCase).join(', ')})`;

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const listed = Object.fromEntries([
  ['namespace', '$1::text'],
  ...Object.keys(claimTypes).map((name) => [name, `a.${snakeCase(name)}`]),
]) as ClaimValues;

/** Of a new claim only what its claimer does not know. */
const newRow = 'state, floor(extract(epoch from claimed_at) * 1000)::float8 as claimed_ms';
const noRow = 'null::text as receipt, null::bytea as outcome';

const rowThere = (schema: string, key: string): string =>
  `select ${columns} from ${schema}.receipts r where r.key = ${key} and ${schema}.read_by_key(r.key) offset 0`;

/** What was said of an intent before there was a row counts as well. */
const claimedUnlessSaid = (schema: string, key: string): string =>
  `case when ${saidToHaveHappened(schema, key)} then 'unknown' else 'claimed' end`;

const newClaimOf = (schema: string, returning: string): string =>
  `insert into ${schema}.receipts as r (${claimColumns})
  values (${newClaim(parameters, claimedUnlessSaid(schema, parameters.key), 'now()')})
  on conflict (key) do nothing
  returning ${returning}`;

/** In the order of their keys: two lists in two orders could wait for each other for ever. */
const newClaimsOf = (schema: string, asked: string, returning: string): string =>
  `insert into ${schema}.receipts as r (${claimColumns})
  select ${newClaim(listed, claimedUnlessSaid(schema, 'a.key'), 'now()')}
  from ${asked}
  order by a.key
  on conflict (key) do nothing
  returning ${returning}`;

/** @param schema the quoted name of the schema */
export function claimStatements(schema: string, named: Named) {
  const { key } = parameters;
  const asked = lists(claimTypes, 2);
  return {
    // Inserts a claim or reads the row that is there. The loser of a race for one key can get no row at all: its snapshot
    // is older than the winner's commit.
    claim: named(
      'claim',
      `with claimed as (
  ${newClaimOf(schema, 'state, claimed_at')}
)
select ${newRow}, ${noRow} from claimed
union all
select null, null, t.receipt, t.outcome from (${rowThere(schema, key)}) t where not exists (select from claimed)`,
    ),

    claimMany: named(
      'claim_many',
      `with asked as materialized (select * from ${asked}), claimed as (
  ${newClaimsOf(schema, 'asked a', 'key, state, claimed_at')}
)
select key::text as key, ${newRow}, ${noRow} from claimed
union all
select a.key::text, null, null, t.receipt, t.outcome
from asked a cross join lateral (${rowThere(schema, 'a.key')}) t
where not exists (select from claimed c where c.key = a.key)`,
    ),

    // The two halves, for when it is known which of them will do.
    claimNew: named('claim_new', newClaimOf(schema, newRow)),
    claimNewMany: named('claim_new_many', newClaimsOf(schema, asked, `key::text as key, ${newRow}`)),
    readThere: named('read_there', rowThere(schema, '$1::uuid')),
    readThereMany: named(
      'read_there_many',
      `select a.key::text as key, t.receipt, t.outcome
from unnest($1::text::uuid[]) as a (key) cross join lateral (${rowThere(schema, 'a.key')}) t`,
    ),
  };
}

/** @param schema the quoted name of the schema */
export function reclaimStatements(schema: string, named: Named) {
  const { key } = parameters;
  return {
    // A claim on an intent that an earlier attempt may have claimed in a history of the database that was lost. Then it
    // is as old as that may be: a provider may have forgotten its key. So old that no sweep would come by it any more.
    claimAgain: named(
      'claim_again',
      `with past as materialized (
  select ${schema}.failed_over_within($14::float8) as lost, ${saidToHaveHappened(schema, key)} as happened
), claimed as (
  insert into ${schema}.receipts as r (${claimColumns})
  select ${newClaim(
    parameters,
    `case when past.lost or past.happened then 'unknown' else 'claimed' end`,
    `case when past.lost then now() - ${milliseconds('$14')} else now() end`,
  )}
  from past
  on conflict (key) do nothing
  returning key, namespace, lease_until, epoch, ${columns}
), queued as (
  insert into ${schema}.queue (key, namespace, look_at)
  select c.key, c.namespace, c.lease_until from claimed c, past where past.lost
  on conflict (key) do nothing
), lost as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note)
  select c.key, c.epoch, '${failoverSource}', 'undetermined', 'no row was found after a failover in which one may have been lost'
  from claimed c, past where past.lost
)
select receipt, outcome from claimed
union all
select ${columns} from ${schema}.receipts r where r.key = ${key} and not exists (select from claimed)`,
    ),

    // The claim it ends is kept as evidence of who had it.
    takeOver: named(
      'take_over',
      `with before as materialized (
  select r.key, r.namespace, r.epoch, r.origin from ${schema}.receipts r where r.key = $1::uuid and r.epoch = $2::integer
), taken as (
  update ${schema}.receipts as r
  set state = 'claimed', epoch = r.epoch + 1, doubt = not ${free}, token = $4::uuid, policy = $5::text,
    lease_until = clock_timestamp() + ${milliseconds('$6')}, origin = $7::text::jsonb, transactional = $8::boolean,
    grace = ${milliseconds('$9')}, retain_for = ${milliseconds('$10')}, finality = $11::text::jsonb
  where r.key = $1::uuid and r.epoch = $2::integer and not r.contested
    and (${free} or ($3::boolean and ${unresolved})) and ${noCommittedEvidence(schema)}
  returning ${columns}
), kept as (
  insert into ${schema}.evidence (key, epoch, source, verdict, note)
  select b.key, b.epoch, '${attemptSource}', 'undetermined', b.origin::text from before b, taken
), queued as (
  insert into ${schema}.queue (key, namespace, look_at)
  select b.key, b.namespace, clock_timestamp() + ${milliseconds('$6')} from before b, taken
  on conflict (key) do update set look_at = excluded.look_at, looks = 0
)
select * from taken`,
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
