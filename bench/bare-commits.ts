/** The base: what anybody would write by hand. Two commits for an effect, one read for its replay. */
import { randomBytes, randomUUID } from 'node:crypto';

import { Pool } from 'pg';

import type { Contender } from './contenders';

const schema = 'bench_base';

/** About the columns of a receipt, and a free half of each page as there: the updates are as cheap as they can be. */
const table = `create schema if not exists ${schema};
create table if not exists ${schema}.receipts (
  key uuid primary key,
  namespace text not null,
  request_id text not null,
  action text not null,
  fingerprint bytea not null,
  state text not null,
  token uuid not null,
  claimed_at timestamptz not null default now(),
  lease_until timestamptz not null,
  settled_at timestamptz,
  outcome bytea
) with (fillfactor = 50)`;

/** `keys` are the expressions for key, request id and token, so that `pgbench` runs the same statement. */
export const insertText = (key: string, requestId: string, fingerprint: string, token: string): string =>
  `insert into ${schema}.receipts (key, namespace, request_id, action, fingerprint, state, token, lease_until)
values (${key}, 'default', ${requestId}, 'charge', ${fingerprint}, 'claimed', ${token}, now() + interval '30 seconds')
on conflict (key) do nothing returning key`;

export const updateText = (key: string, outcome: string): string =>
  `update ${schema}.receipts set state = 'committed', outcome = ${outcome}, settled_at = now() where key = ${key}`;

const statements = {
  claim: { name: 'claim', text: insertText('$1::uuid', '$2::text', '$3::bytea', '$4::uuid') },
  settle: { name: 'settle', text: updateText('$1::uuid', '$2::bytea') },
  read: { name: 'read', text: `select * from ${schema}.receipts where key = $1::uuid` },
};

const fingerprint = randomBytes(32);

/** By hand nobody would hash: the ids end with a UUID. */
const keyOf = (id: string): string => id.slice(-36);

export class BareCommits implements Contender {
  effects = 0;

  private constructor(private readonly pool: Pool) {}

  static async on(url: string, max: number): Promise<BareCommits> {
    const pool = new Pool({ connectionString: url, max });
    try {
      await pool.query(table);
      return new BareCommits(pool);
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  async fresh(id: string, payload: unknown): Promise<unknown> {
    const key = keyOf(id);
    const claimed = await this.pool.query({
      ...statements.claim,
      values: [key, id, fingerprint, randomUUID()],
    });
    if (claimed.rows.length !== 1) throw new Error(`the id ${id} is not new`);
    this.effects++;
    const outcome = Buffer.from(JSON.stringify(payload));
    await this.pool.query({ ...statements.settle, values: [key, outcome] });
    return payload;
  }

  async replay(id: string): Promise<unknown> {
    const { rows } = await this.pool.query({ ...statements.read, values: [keyOf(id)] });
    return JSON.parse(String((rows[0] as { outcome: Buffer }).outcome));
  }

  async settled(): Promise<number> {
    const { rows } = await this.pool.query(
      `select count(*) from ${schema}.receipts where state = 'committed' and outcome is not null`,
    );
    return Number((rows[0] as { count: string }).count);
  }

  /** Settled or not. */
  async rows(): Promise<number> {
    const { rows } = await this.pool.query(`select count(*) from ${schema}.receipts`);
    return Number((rows[0] as { count: string }).count);
  }

  async empty(): Promise<void> {
    await this.pool.query(`truncate ${schema}.receipts`);
  }

  async analyze(): Promise<void> {
    await this.pool.query(`analyze ${schema}.receipts`);
  }

  stop(): Promise<void> {
    return this.pool.end();
  }
}
