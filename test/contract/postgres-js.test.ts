import postgres from 'postgres';

import { postgresReceipts } from '../../src/stores/postgres-js';
import { databaseUrl, newSchemaName } from '../support/scratch-schema';
import { describeReceiptStore } from './receipt-store';

describeReceiptStore('Postgres through postgres.js, by a worker with no more than its grants', async () => {
  const schema = newSchemaName();
  const role = newSchemaName();
  const owner = postgres(databaseUrl(), { max: 1, onnotice: () => undefined });
  const owned = postgresReceipts(owner, { schema });
  await owned.migrate();
  await owner.unsafe(`create role ${role} login password 'few'`);
  await owned.grant({ workers: [role] });
  const sql = postgres(databaseUrl(), { max: 8, username: role, password: 'few', onnotice: () => undefined });
  return {
    open: (namespace = 'default') => postgresReceipts(sql, { schema, namespace }),
    close: async () => {
      await sql.end();
      await owner.unsafe(`drop schema "${schema}" cascade; drop owned by ${role} cascade; drop role ${role}`);
      await owner.end();
    },
  };
});
