/** `steadykey` on Postgres: `execute()` with a lease, as its documentation starts. */
import { Pool } from 'pg';

import { load, poolSize, type StartPeer } from './peer';

interface Steadykey {
  readonly PostgresIdempotencyStore: new (pool: Pool) => object;
  readonly IdempotencyManager: new (
    store: object,
    options: object,
  ) => { execute(payload: object, operation: () => Promise<object>): Promise<{ value: unknown }> };
}

export const steadykey: StartPeer = async ({ databaseUrl }, effect) => {
  const { IdempotencyManager, PostgresIdempotencyStore } = load<Steadykey>('steadykey');
  const pool = new Pool({ connectionString: databaseUrl, max: poolSize });
  const options = { keyPrefix: 'bench', defaultTtlSeconds: 86_400 };
  const manager = new IdempotencyManager(new PostgresIdempotencyStore(pool), options);
  return { once: (orderId) => manager.execute({ orderId }, async () => effect()), stop: () => pool.end() };
};
