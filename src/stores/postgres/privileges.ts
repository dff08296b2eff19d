/** Who may do what in the database: the grants of three kinds of roles, as the SQL that their owner runs. */
import { InvalidRequestError } from '../../core';

/** Roles of the database, which exist. */
export interface Roles {
  /** Guard effects and look after receipts, in every namespace. */
  readonly workers?: readonly string[] | undefined;
  /** Look only, in every namespace. */
  readonly readers?: readonly string[] | undefined;
  /**
   * Workers that see one namespace alone. With the first of them row-level security begins: from then on a role that was
   * granted nothing here sees no receipts, whatever else it was granted. The owner of the tables sees all.
   */
  readonly tenants?: readonly Tenant[] | undefined;
}

/** A role, and the namespace it works in. */
export interface Tenant {
  readonly role: string;
  /** ASCII without `'`: the database computes keys from it. */
  readonly namespace: string;
}

const tables = [
  'receipts',
  'evidence',
  'queue',
  'sweeps',
  'audit',
  'audit_heads',
  'timelines',
  'migrations',
] as const;

/** Have rows of one namespace. */
const separated = ['receipts', 'evidence', 'queue', 'sweeps', 'audit', 'audit_heads'] as const;

/** A trigger, which is the owner's, writes the audit log. */
const audits: readonly string[] = ['audit', 'audit_heads'];

const inserted: readonly string[] = ['receipts', 'evidence', 'queue', 'sweeps'];

/** Column by column: who may update a table as a whole may also lock it against everybody. */
const updated = {
  receipts: `state, policy, token, epoch, doubt, lease_until, settled_at, outcome_format, outcome, origin, transactional, retain_for, grace,
  contested, finality, final_at`,
  queue: 'look_at, looks',
  sweeps: 'swept_until',
};

const deleted: readonly string[] = ['queue'];

/** Without these, by table, a role can neither guard effects nor look after receipts. The audit log is for who asks. */
export const neededByWorkers: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  tables
    .filter((table) => !audits.includes(table))
    .map((table) => [
      table,
      [
        'select',
        ...(inserted.includes(table) ? ['insert'] : []),
        ...(Object.hasOwn(updated, table) ? ['update'] : []),
        ...(deleted.includes(table) ? ['delete'] : []),
      ],
    ]),
);

/** No right to delete a receipt or what was said of it, and none on `timelines`, which a function keeps. */
const workerGrants = (schema: string, role: string): string[] => [
  `grant usage on schema ${schema} to ${role};`,
  `grant select on ${tables.map((table) => `${schema}.${table}`).join(', ')} to ${role};`,
  `grant insert on ${inserted.map((table) => `${schema}.${table}`).join(', ')} to ${role};`,
  ...Object.entries(updated).map(
    ([table, columns]) => `grant update (${columns}) on ${schema}.${table} to ${role};`,
  ),
  `grant delete on ${deleted.map((table) => `${schema}.${table}`).join(', ')} to ${role};`,
];

const readerGrants = (schema: string, role: string): string[] => [
  `grant usage on schema ${schema} to ${role};`,
  `grant select on ${tables.map((table) => `${schema}.${table}`).join(', ')} to ${role};`,
];

/** The policy of a role on each table; it counts once row-level security is on. */
const policies = (
  schema: string,
  role: string,
  conditions: Readonly<Record<(typeof separated)[number], string>>,
): string[] =>
  separated.flatMap((table) => [
    `drop policy if exists ${role} on ${schema}.${table};`,
    `create policy ${role} on ${schema}.${table} to ${role} ${conditions[table]};`,
  ]);

const all = Object.fromEntries(separated.map((table) => [table, 'using (true)'])) as Record<
  (typeof separated)[number],
  string
>;

/** What was said before there was a receipt says whose it is. A key belongs to who has the namespace it was made of. */
function ofNamespace(schema: string, namespace: string): typeof all {
  const own = `namespace = '${namespace}'`;
  return {
    receipts: `using (${own}) with check (${own} and key = ${schema}.key_of(namespace, request_id))`,
    evidence: `using (${own} or (namespace is null and exists (select from ${schema}.receipts r where r.key = evidence.key)))`,
    queue: `using (${own})`,
    sweeps: `using (${own})`,
    audit: `using (${own})`,
    audit_heads: `using (${own})`,
  };
}

/**
 * The statements that give these roles what they need, and nothing else. Safe to repeat.
 * @param schema its quoted name
 * @throws InvalidRequestError for a role or a namespace that cannot be one
 */
export function grantsFor(schema: string, { workers = [], readers = [], tenants = [] }: Roles): string[] {
  for (const { namespace } of tenants)
    if (!/^[ -&(-~]{1,63}$/.test(namespace))
      throw new InvalidRequestError("the namespace of a tenant is 1 to 63 characters of ASCII without '");
  return [
    ...workers
      .map(quotedRole)
      .flatMap((role) => [...workerGrants(schema, role), ...policies(schema, role, all)]),
    ...readers
      .map(quotedRole)
      .flatMap((role) => [...readerGrants(schema, role), ...policies(schema, role, all)]),
    ...tenants.flatMap(({ role, namespace }) => [
      ...workerGrants(schema, quotedRole(role)),
      ...policies(schema, quotedRole(role), ofNamespace(schema, namespace)),
    ]),
    ...(tenants.length > 0
      ? separated.map((table) => `alter table ${schema}.${table} enable row level security;`)
      : []),
  ];
}

function quotedRole(role: string): string {
  if (role === '' || role.includes('\0') || Buffer.byteLength(role) > 63)
    throw new InvalidRequestError('a role is a text of 1 to 63 bytes');
  return `"${role.replaceAll('"', '""')}"`;
}
