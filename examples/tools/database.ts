/** Receipts for an example: in the database that DATABASE_URL names, or in one that is started for it. */
import { randomBytes } from 'node:crypto';

import { Pool } from 'pg';

import { pgReceipts, type PostgresReceipts } from 'activity-guard/pg';
import { startPostgres } from 'activity-guard/testing';

/** Where an example keeps its receipts. */
export interface Database {
  readonly url: string;
  /** Of its own, and dropped at the end. */
  readonly schema: string;
  readonly receipts: PostgresReceipts;
}

/** Runs an example with receipts of its own, and cleans up whatever happens. */
export async function withDatabase(example: (database: Database) => Promise<void>): Promise<void> {
  const given = process.env['DATABASE_URL'];
  const started = given === undefined ? await startPostgres() : undefined;
  const url = given ?? started?.connectionString ?? '';
  const schema = `example_${randomBytes(4).toString('hex')}`;
  const pool = new Pool({ connectionString: url, max: 4 });
  try {
    const receipts = pgReceipts(pool, { schema });
    await receipts.migrate();
    await example({ url, schema, receipts });
  } finally {
    await pool.query(`drop schema if exists ${schema} cascade`).catch(() => undefined);
    await pool.end();
    await started?.stop();
  }
}

/** Ends the process as the example ended. */
export function run(example: () => Promise<void>): void {
  example().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
