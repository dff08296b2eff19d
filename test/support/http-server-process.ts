/** A server whose handler has its effect and then perhaps never answers. Arguments: the schema, the framework, and `hangs`. */
import { Guard } from '../../src';
import { pgReceipts } from '../../src/stores/pg';
import { serveWith, type Framework } from './http-servers';
import { databaseUrl, newPool } from './scratch-schema';

const [schema = '', framework = '', hangs = ''] = process.argv.slice(2);
const pool = newPool();
const receipts = pgReceipts({ connectionString: databaseUrl() }, { schema });
const guard = new Guard({ receipts, leaseFor: 1500 });
const serving = serveWith(framework as Framework, { guard }, async (body) => {
  await pool.query(`insert into "${schema}".effects values ($1)`, [JSON.stringify(body)]);
  process.send?.({ effect: true });
  if (hangs === 'hangs') await new Promise(() => undefined);
  return { status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":"ch_1"}' };
});
void serving.then(({ url }) => process.send?.({ url }));
process.once('disconnect', () => process.exit());
