/**
 * A process of its own for tests with real races: says "ready", waits for a line, then acts and prints what came
 * of it as JSON. Arguments: `migrate <schema>`, or `charge <schema> <request id>`.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { GuardEngine } from '../../src/core';
import { fingerprintOf, hashRequestId } from '../../src/ids';
import { pgReceipts } from '../../src/stores/pg';
import { systemClock } from '../../src/system-clock';
import { jsonCodec } from './guarding';
import { newPool } from './scratch-schema';

const [, , what = '', schema = '', requestId = ''] = process.argv;
const pool = newPool({ max: 2 });
const store = pgReceipts(pool, { schema });

async function charge(): Promise<unknown> {
  const engine = new GuardEngine({
    store,
    clock: systemClock,
    newToken: randomUUID,
    onEvent: () => undefined,
  });
  return engine.run({
    ...{
      requestId,
      requestIdHash: hashRequestId(requestId),
      action: 'charge',
      fingerprint: fingerprintOf('charge', [requestId]),
    },
    ...{
      payload: [requestId],
      origin: { worker: String(process.pid) },
      onUnknown: 'hold',
      codec: jsonCodec,
      attempt: 1,
    },
    ...{ leaseMs: 5000, graceMs: 1000, waitMs: 10_000, deadline: performance.now() + 20_000 },
    run: async (effect) => {
      effect.begin();
      await pool.query(`insert into "${schema}".effects (request_id, epoch) values ($1, $2)`, [
        effect.requestId,
        effect.epoch,
      ]);
      await delay(30); // long enough for the other one to meet the claim
      return `charged by ${process.pid}`;
    },
  });
}

async function main(): Promise<void> {
  await pool.query('select 1');
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const done = what === 'migrate' ? await store.migrate() : await charge();
  process.stdout.write(`${JSON.stringify(done)}\n`);
  process.stdin.destroy();
  await pool.end();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
