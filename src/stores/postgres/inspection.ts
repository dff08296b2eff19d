/** What is to be said of the database itself and of all its receipts, for `activity-guard doctor`. */
import type { Driver, Row } from './driver';
import { milliseconds, unresolved, type Named } from './fragments';
import { neededByWorkers } from './privileges';

type InspectionStatements = ReturnType<typeof inspectionStatements>;

/** With these a worker could make an intent forgotten, or happen again. */
const dangerous: Readonly<Record<string, readonly string[]>> = {
  receipts: ['delete', 'truncate', 'trigger'],
  evidence: ['update', 'delete', 'truncate', 'trigger'],
};

const rowsOf = (privileges: typeof dangerous): string[] =>
  Object.entries(privileges).flatMap(([table, each]) =>
    each.map((privilege) => `('${table}', '${privilege}')`),
  );
const rows = rowsOf(neededByWorkers);
const tooMuch = rowsOf(dangerous);

/** So long whoever looks after receipts may wait for what reads all open ones. */
const limitMs = 30_000;

/** How far back claims are looked at for who made them. */
const recentClaims = 1000;

/** @param schema the quoted name of the schema */
export function inspectionStatements(schema: string, named: Named) {
  const bounded: Named = (name, text) => ({ ...named(name, text), limitMs });
  return {
    // By the catalogue, which everybody may read: a function that is given a name fails where the schema may not be used.
    inspect: bounded(
      'inspect',
      `with tables as (
  select c.relname, c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1::text and c.relkind in ('r', 'p')
)
select current_database()::text as database, current_user::text as role, current_setting('server_version') as version,
  current_setting('server_version_num')::integer as version_number, pg_backend_pid() as backend,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as is_superuser,
  coalesce((select bool_and(has_schema_privilege(n.oid, 'usage')) from pg_catalog.pg_namespace n where n.nspname = $1::text), true) as may_use_schema,
  (select string_agg(lacking.privilege || ' on ' || lacking.name, ', ' order by lacking.name, lacking.privilege)
    from (values ${rows.join(', ')}) as lacking (name, privilege) join tables on tables.relname = lacking.name
    where not case lacking.privilege when 'delete' then has_table_privilege(tables.oid, 'delete')
      else has_any_column_privilege(tables.oid, lacking.privilege) end) as lacking,
  (select string_agg(much.privilege || ' on ' || tables.relname, ', ' order by tables.relname, much.privilege)
    from tables join (values ${tooMuch.join(', ')}) as much (name, privilege) on much.name = tables.relname
    where has_table_privilege(tables.oid, much.privilege)) as excessive,
  (select sum(numbackends)::integer from pg_catalog.pg_stat_database) as connections,
  current_setting('max_connections')::integer as most_connections`,
    ),

    // Of all namespaces: who looks into another one than his own sees nothing there.
    openReceipts: bounded(
      'open_receipts',
      `select r.namespace, (count(*) filter (where ${unresolved} and not r.contested))::integer as unresolved,
  (extract(epoch from max(clock_timestamp() - r.lease_until) filter (where ${unresolved} and not r.contested)) * 1000)::float8 as oldest_ms,
  (count(*) filter (where r.contested))::integer as contested,
  (count(*) filter (where r.state = 'delegated' and r.claimed_at < clock_timestamp() - ${milliseconds('$1')}))::integer as delegated
from ${schema}.receipts r where r.state in ('claimed', 'unknown', 'delegated') or r.contested group by r.namespace`,
    ),

    reconciled: bounded(
      'reconciled',
      `select (extract(epoch from clock_timestamp() - max(s.swept_until)) * 1000)::float8 as swept_ms_ago
from ${schema}.sweeps s where s.namespace = $1::text`,
    ),

    recentClaims: bounded(
      'recent_claims',
      `select array_to_json(array_agg(distinct recent.worker) filter (where recent.worker is not null))::text as workers,
  (extract(epoch from min(recent.retain_for)) * 1000)::float8 as shortest_retain_ms
from (select r.origin->>'worker' as worker, r.retain_for from ${schema}.receipts r
  where r.namespace = $1::text order by r.claimed_at desc limit ${recentClaims}) as recent`,
    ),
  };
}

/** The database and the role. */
export interface Inspection {
  readonly database: string;
  readonly role: string;
  readonly version: string;
  /** Such as 150018 for 15.18. */
  readonly versionNumber: number;
  readonly isSuperuser: boolean;
  readonly mayUseSchema: boolean;
  /** Privileges on tables that are there, such as `delete on queue`; empty where none is lacking. */
  readonly lacking: string;
  /** Privileges that no worker should have; the owner of the tables has all of them. */
  readonly excessive: string;
  readonly connections: number;
  readonly mostConnections: number;
  /** Another process is between this one and the server; `undefined` where the driver does not tell. */
  readonly isPooled: boolean | undefined;
}

/** On one connection: only the client that asks knows with which process it thinks to be connected. */
export async function inspect(
  driver: Driver,
  sql: InspectionStatements,
  schema: string,
): Promise<Inspection> {
  let row: Row = {};
  const backend = await driver.transaction({
    first: async (run) => ([row = {}] = await run(sql.inspect, [schema])),
    work: async (tx) => (tx as { readonly processID?: number }).processID,
  });
  return {
    database: row['database'] as string,
    role: row['role'] as string,
    version: row['version'] as string,
    versionNumber: Number(row['version_number']),
    isSuperuser: row['is_superuser'] === true,
    mayUseSchema: row['may_use_schema'] === true,
    lacking: (row['lacking'] as string | null) ?? '',
    excessive: (row['excessive'] as string | null) ?? '',
    connections: Number(row['connections']),
    mostConnections: Number(row['most_connections']),
    isPooled: backend === undefined ? undefined : backend !== Number(row['backend']),
  };
}

/** What is open in one namespace. */
export interface OpenReceipts {
  readonly namespace: string;
  /** Not those that are contested. */
  readonly unresolved: number;
  /** Since the lease of the oldest of these ran out. */
  readonly oldestMs: number;
  readonly contested: number;
  /** Handed over longer ago than was asked for. */
  readonly delegated: number;
}

/** What the receipts say of those who work on them. */
export interface Standing {
  readonly open: readonly OpenReceipts[];
  /** Since a reconciler last went through the claims of the namespace; `undefined` where none ever did. */
  readonly reconciledMsAgo: number | undefined;
  /** Who made the last claims, as `pid@host`. */
  readonly workers: readonly string[];
  /** The shortest `retainFor` of the last claims. */
  readonly shortestRetainMs: number | undefined;
}

/** A sweep leaves out the last minute of claims. */
const sweepWindowMs = 60_000;

/** Looks at all open receipts, and at the last claims of one namespace. */
export async function standing(
  driver: Driver,
  sql: InspectionStatements,
  { namespace, delegatedMs }: { readonly namespace: string; readonly delegatedMs: number },
): Promise<Standing> {
  const open = await driver.run(sql.openReceipts, [delegatedMs]);
  const [reconciled] = await driver.run(sql.reconciled, [namespace]);
  const [recent] = await driver.run(sql.recentClaims, [namespace]);
  const sweptMsAgo = reconciled?.['swept_ms_ago'] as number | null | undefined;
  const retainMs = recent?.['shortest_retain_ms'] as number | null | undefined;
  return {
    open: open.map((row) => ({
      namespace: row['namespace'] as string,
      unresolved: Number(row['unresolved']),
      oldestMs: Math.round(Number(row['oldest_ms'] ?? 0)),
      contested: Number(row['contested']),
      delegated: Number(row['delegated']),
    })),
    reconciledMsAgo:
      sweptMsAgo == null || !Number.isFinite(sweptMsAgo) ? undefined : Math.round(sweptMsAgo - sweepWindowMs),
    workers: JSON.parse((recent?.['workers'] as string | null | undefined) ?? '[]') as string[],
    shortestRetainMs: retainMs ?? undefined,
  };
}
