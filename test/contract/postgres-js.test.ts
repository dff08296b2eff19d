import postgres from 'postgres';

import { postgresReceipts } from '../../src/stores/postgres-js';
import { loginRole } from '../support/scratch-role';
import { databaseUrl, scratchSchema } from '../support/scratch-schema';
import { describeReceiptStore } from './receipt-store';

describeReceiptStore('Postgres through postgres.js, by a worker with no more than its grants', async () => {
  const scratch = await scratchSchema({ installed: false });
  const { schema } = scratch;
  const owner = postgres(databaseUrl(), { max: 1, onnotice: () => undefined });
  const owned = postgresReceipts(owner, { schema });
  await owned.migrate();
  const role = await loginRole((text) => owner.unsafe(text));
  await owned.grant({ workers: [role.name] });
  const sql = postgres(role.url, { max: 8, onnotice: () => undefined });
  return {
    open: (namespace = 'default') => postgresReceipts(sql, { schema, namespace }),
    age: () => scratch.age(),
    close: async () => {
      await sql.end();
      await scratch.close();
      await role.drop();
      await owner.end();
    },
  };
});
