/** A server whose handler has its effect and then never answers. Arguments: the schema, and `hangs`. */
import express from 'express';

import { Guard } from '../../src';
import { expressGuard } from '../../src/http';
import { pgReceipts } from '../../src/stores/pg';
import { databaseUrl, newPool } from './scratch-schema';

const [schema = '', hangs = ''] = process.argv.slice(2);
const pool = newPool();
const receipts = pgReceipts({ connectionString: databaseUrl() }, { schema });
const app = express();
app.post(
  '/charges',
  express.json(),
  expressGuard(
    { guard: new Guard({ receipts, leaseFor: 1500 }) },
    async (req: express.Request, res: express.Response) => {
      await pool.query(`insert into "${schema}".effects values ($1)`, [JSON.stringify(req.body)]);
      process.send?.({ effect: true });
      if (hangs === 'hangs') await new Promise(() => undefined);
      res.status(201).json({ id: 'ch_1' });
    },
  ),
);
const server = app.listen(0, '127.0.0.1', () => process.send?.({ address: server.address() }));
process.once('disconnect', () => process.exit());
