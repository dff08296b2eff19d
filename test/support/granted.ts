/** Receipts reached as a role that was granted what the library grants, and no more. */
import { Pool } from 'pg';

import { pgReceipts, type PostgresReceipts } from '../../src/stores/pg';
import { loginRole, newRole, type ScratchRole } from './scratch-role';
import { scratchSchema, type ScratchSchema } from './scratch-schema';

/** A schema whose every namespace belongs to a tenant of its own. */
export interface TenantedSchema {
  readonly scratch: ScratchSchema;
  open(namespace?: string): PostgresReceipts;
  /** A pool of the tenant's. */
  poolOf(namespace: string): Promise<Pool>;
  age(): Promise<void>;
  close(): Promise<void>;
}

/** Its connections come once its role is there. */
class PatientPool extends Pool {
  ready: Promise<unknown> = Promise.resolve();

  override connect = ((callback?: Parameters<Pool['connect']>[0]) =>
    this.ready.then(
      () => (callback ? void super.connect(callback) : super.connect()) as never,
    )) as Pool['connect'];
}

export async function tenantedSchema(): Promise<TenantedSchema> {
  const scratch = await scratchSchema();
  const pools = new Map<string, PatientPool>();
  const roles: Promise<ScratchRole>[] = [];
  const granting = scratch.open();
  const poolFor = (namespace: string): PatientPool => {
    const known = pools.get(namespace);
    if (known) return known;
    const role = newRole();
    const pool = new PatientPool({ connectionString: role.url, max: 8 });
    pool.on('error', () => undefined);
    const made = loginRole((sql) => scratch.pool.query(sql), role);
    pool.ready = made.then(() => granting.grant({ tenants: [{ role: role.name, namespace }] }));
    roles.push(made);
    pools.set(namespace, pool);
    return pool;
  };
  return {
    scratch,
    age: () => scratch.age(),
    open: (namespace = 'default') => pgReceipts(poolFor(namespace), { schema: scratch.schema, namespace }),
    poolOf: async (namespace) => {
      const pool = poolFor(namespace);
      await pool.ready;
      return pool;
    },
    close: async () => {
      for (const pool of pools.values()) await pool.end();
      for (const role of roles) await (await role).drop();
      await scratch.close();
    },
  };
}
