/**
 * What the statements say alike: the columns of a receipt, and what its row means. Time is the database's own:
 * `clock_timestamp()` where a wait for a lock may lie between the start of the statement and the row, so that a lease
 * never seems longer than it is.
 */
import type { Statement } from './driver';

/**
 * A receipt but its outcome, as one JSON list in the order in which `receiptOf` reads it: as columns, or with their names,
 * or with formatted times it costs Postgres and the driver half as much again (19 against 13 µs for a row of many).
 */
export const receiptColumn = `json_build_array(key, namespace, request_id, action, encode(fingerprint, 'hex'), state, policy, token, epoch, doubt,
    transactional, extract(epoch from grace) * 1000, date_part('epoch', lease_until - clock_timestamp()) * 1000,
    date_part('epoch', clock_timestamp() - claimed_at) * 1000, claimed_at, settled_at, outcome_format, origin, contested,
    finality, final_at)::text as receipt`;

/** With its outcome, which may be large. */
export const columns = `${receiptColumn}, outcome`;

export const evidenceColumns = `e.source, e.verdict, e.epoch, e.note, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
  (extract(epoch from clock_timestamp() - e.at) * 1000)::float8 as age_ms, e.actor, e.late, e.outcome_format, e.outcome`;

export const milliseconds = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;

/** Its holder did not renew the lease. */
const lapsed = `(r.state = 'claimed' and r.lease_until <= clock_timestamp())`;

/** Without its receipt a transaction cannot have committed; only an attempt before it leaves a doubt. */
const nothingHappened = '(r.transactional and not r.doubt)';

/** Unknown, or as good as. */
export const unresolved = `(r.state = 'unknown' or (${lapsed} and not ${nothingHappened}))`;

/** Nothing happened, so it may be claimed again. */
export const free = `(r.state = 'released' or (${lapsed} and ${nothingHappened}))`;

/** Its holder may still say what became of it. */
export const open = `r.state in ('claimed', 'delegated')`;

/** Settled, and not final yet by its own terms. */
export const provisional = `(r.state in ('committed', 'rejected') and r.finality is not null and r.final_at is null)`;

/** Settled for good: what comes now changes nothing. */
export const final = `(r.state in ('committed', 'rejected') and not ${provisional})`;

/**
 * A source says that the intent of this key happened. Looked up row by row (`offset 0`), and by key: a plan that was made
 * while the table was small would read all of it for ever after.
 */
export const saidToHaveHappened = (schema: string, key: string): string =>
  `exists (select from ${schema}.evidence e where e.key = ${key} and e.verdict = 'committed' and ${schema}.read_by_key(e.key) offset 0)`;

/** Any source that says *committed* forbids to run the effect again. */
export const noCommittedEvidence = (schema: string): string => `not ${saidToHaveHappened(schema, 'r.key')}`;

/** Makes a statement of a text. */
export type Named = (name: string, text: string) => Statement;
