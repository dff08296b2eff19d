import postgres from 'postgres';

import { postgresReceipts } from '../../src/stores/postgres-js';
import { databaseUrl, newSchemaName } from '../support/scratch-schema';
import { describeReceiptStore } from './receipt-store';

describeReceiptStore('Postgres through postgres.js', async () => {
  const schema = newSchemaName();
  const sql = postgres(databaseUrl(), { max: 8, onnotice: () => undefined });
  const open = (namespace = 'default') => postgresReceipts(sql, { schema, namespace });
  await open().migrate();
  return {
    open,
    close: async () => {
      await sql.unsafe(`drop schema "${schema}" cascade`);
      await sql.end();
    },
  };
});
