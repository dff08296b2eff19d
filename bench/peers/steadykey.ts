/** `steadykey` on Postgres: `execute()` with a lease, as its documentation starts. */
import { Pool } from 'pg';

import { load, poolSize, type StartPeer } from './peer';

interface Steadykey {
  readonly PostgresIdempotencyStore: new (pool: Pool) => object;
  readonly IdempotencyManager: new (
    store: object,
    options: object,
  ) => {
    execute(payload: object, operation: () => Promise<object>, options: object): Promise<{ value: unknown }>;
  };
}

export const steadykey: StartPeer = async ({ databaseUrl, leaseMs }, effect) => {
  const { IdempotencyManager, PostgresIdempotencyStore } = load<Steadykey>('steadykey');
  const pool = new Pool({ connectionString: databaseUrl, max: poolSize });
  pool.on('error', () => undefined);
  const options = { keyPrefix: 'bench', defaultTtlSeconds: 86_400 };
  const manager = new IdempotencyManager(new PostgresIdempotencyStore(pool), options);
  const lease = leaseMs === undefined ? {} : { leaseSeconds: Math.ceil(leaseMs / 1000) };
  return {
    once: async (orderId) => (await manager.execute({ orderId }, async () => effect(orderId), lease)).value,
    stop: () => pool.end(),
  };
};
