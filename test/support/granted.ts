/** Receipts reached as a role that was granted what the library grants, and no more. */
import { Pool } from 'pg';

import { pgReceipts, type PostgresReceipts } from '../../src/stores/pg';
import { databaseUrl, newSchemaName, scratchSchema, type ScratchSchema } from './scratch-schema';

/** A schema whose every namespace belongs to a tenant of its own. */
export interface TenantedSchema {
  readonly scratch: ScratchSchema;
  open(namespace?: string): PostgresReceipts;
  /** A pool of the tenant's. */
  poolOf(namespace: string): Promise<Pool>;
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
  const roles: string[] = [];
  const granting = scratch.open();
  const poolFor = (namespace: string): PatientPool => {
    const known = pools.get(namespace);
    if (known) return known;
    const role = newSchemaName();
    const url = Object.assign(new URL(databaseUrl()), { username: role, password: 'few' }).href;
    const pool = new PatientPool({ connectionString: url, max: 8 });
    pool.on('error', () => undefined);
    pool.ready = scratch.pool
      .query(`create role ${role} login password 'few'`)
      .then(() => granting.grant({ tenants: [{ role, namespace }] }));
    roles.push(role);
    pools.set(namespace, pool);
    return pool;
  };
  return {
    scratch,
    open: (namespace = 'default') => pgReceipts(poolFor(namespace), { schema: scratch.schema, namespace }),
    poolOf: async (namespace) => {
      const pool = poolFor(namespace);
      await pool.ready;
      return pool;
    },
    close: async () => {
      for (const pool of pools.values()) await pool.end();
      for (const role of roles) await scratch.pool.query(`drop owned by ${role} cascade; drop role ${role}`);
      await scratch.close();
    },
  };
}
