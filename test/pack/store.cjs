// A whole life of receipts in Postgres: migrate, claim, replay, a crash, unknown, resolve, a transaction, prune.
//   DATABASE_URL=… node store.cjs pg|postgres <schema>
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

const {
  Guard,
  InFlightError,
  OutcomeUnknownError,
  ReceiptPrunedError,
  RejectedError,
} = require('activity-guard');

const [driver, schema, dies] = process.argv.slice(2);
const url = process.env.DATABASE_URL;
const receipts =
  driver === 'pg'
    ? require('activity-guard/pg').pgReceipts({ connectionString: url, max: 2 }, { schema })
    : require('activity-guard/postgres').postgresReceipts(url, { schema });
const guard = new Guard({ receipts, leaseFor: '1s', graceFor: 0 });
const crashing = { requestId: 'order:3', action: 'charge', payload: { cents: 5 } };

/** A process that is killed in its effect. */
async function die() {
  await guard.execute({ ...crashing, run: () => process.kill(process.pid, 'SIGKILL') });
}

async function settles() {
  await Promise.all([receipts.migrate(), receipts.migrate()]);
  let effects = 0;
  const call = {
    requestId: 'order:1',
    action: 'charge',
    payload: { cents: 5 },
    run: async () => ({ id: ++effects }),
  };
  const answers = await Promise.all([1, 2, 3, 4].map(() => guard.execute(call)));
  assert.deepEqual(new Set(answers.map(({ result }) => result.id)), new Set([1]));
  assert.equal((await guard.execute(call)).reason, 'dedup_same_request_id');
  assert.equal(effects, 1);
  const declined = {
    requestId: 'order:2',
    action: 'charge',
    run: () => Promise.reject(new RejectedError('no')),
  };
  assert.equal((await guard.execute(declined)).reason, 'execute_failed:RejectedError');
  assert.equal((await guard.execute(declined)).replayed, true);
}

async function survivesACrash() {
  const dying = spawn(process.execPath, [__filename, driver, schema, 'dies'], { stdio: ['ignore', 2, 2] });
  const [, signal] = await once(dying, 'exit');
  assert.equal(signal, 'SIGKILL');
  const never = { ...crashing, run: () => assert.fail('it ran again'), waitFor: '20s' };
  const error = await guard.execute(never).catch((thrown) => thrown);
  assert.ok(error instanceof OutcomeUnknownError && !(error instanceof InFlightError), String(error));
  const [open] = await receipts.list({ unresolved: true });
  assert.equal(open.requestId, 'order:3');
  const said = { key: open.key, epoch: open.epoch, verdict: 'not-committed', source: 'operator', by: 'ann' };
  assert.equal(await receipts.resolve({ ...said, note: 'not in the ledger' }), true);
  assert.equal((await guard.execute({ ...crashing, run: async () => 'charged' })).reason, 'executed');
}

async function commitsTogether() {
  const book = (id) => ({
    requestId: id,
    action: 'book',
    transactional: true,
    run: () =>
      receipts.transaction(async (tx) => {
        const text = `select '${id}'::text as booked`;
        const rows = driver === 'pg' ? (await tx.query(text)).rows : await tx.unsafe(text);
        return rows[0].booked;
      }),
  });
  assert.deepEqual((await guard.execute(book('booking:1'))).result, 'booking:1');
  assert.equal((await guard.execute(book('booking:1'))).replayed, true);
}

async function prunes() {
  const old = { requestId: 'order:4', action: 'charge', retainFor: 0, run: async () => 1 };
  await guard.execute(old);
  assert.ok((await receipts.prune({ retainMs: 60_000 })) >= 1);
  const next = new Guard({ receipts });
  await assert.rejects(next.execute(old), ReceiptPrunedError);
  const { states } = await receipts.stats();
  assert.ok(states.committed >= 3 && states.rejected === 1, JSON.stringify(states));
}

async function main() {
  if (dies) return die();
  await settles();
  await survivesACrash();
  await commitsTogether();
  await prunes();
  await receipts.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
