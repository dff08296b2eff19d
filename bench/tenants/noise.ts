/** A tenant that floods: far more calls at once than it has connections, with large payloads. */
import { Pool } from 'pg';

import { pgReceipts, type PostgresReceipts } from '../../src/stores/pg';
import { newId, payloadOf } from '../contenders';
import { oursOn } from '../ours';

/** Who a tenant is to the database. */
export interface Tenant {
  /** As its own role. */
  readonly url: string;
  readonly schema: string;
  readonly namespace: string;
}

export const noise = { calls: 2000, bytes: 16_000 } as const;

export const poolOf = ({ url }: Tenant, max: number): Pool => {
  const pool = new Pool({ connectionString: url, max });
  pool.on('error', () => undefined);
  return pool;
};

export const storeOn = (pool: Pool, { schema, namespace }: Tenant): PostgresReceipts =>
  pgReceipts(pool, { schema, namespace });

/** Starts to flood; the function it gives ends that, and says how many calls had their effect. */
export function flood(store: PostgresReceipts): () => Promise<number> {
  const run = oursOn(store);
  const payload = payloadOf(noise.bytes);
  let isOver = false;
  let effects = 0;
  const lane = async (): Promise<void> => {
    while (!isOver) await run(newId(), payload, () => (effects++, payload));
  };
  // Its own failures are its own: some calls give up where it gets too few turns.
  const lanes = Promise.allSettled(Array.from({ length: noise.calls }, lane));
  return async () => {
    isOver = true;
    await lanes;
    return effects;
  };
}
