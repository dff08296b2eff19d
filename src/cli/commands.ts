/** What the commands do. Each answers whether it succeeded. */
import { isUnresolved, type Outcome, type Receipt } from '../core';
import { hashOfWrittenId, receiptKey } from '../ids';
import { pgReceipts, type PostgresReceipts } from '../stores/pg';
import { UsageError, type CommandName, type Invocation } from './options';
import { report } from './report/report';
import { showWorkflow } from './show-workflow';

/** Rows in one statement. */
const pruneBatch = 10_000;

type Command = (receipts: PostgresReceipts, invocation: Invocation) => Promise<boolean>;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** A receipt as it is shown: outcomes are payloads, so only their kind and size. */
function shown({
  outcome,
  leaseRemainingMs,
  ageMs,
  token: _token,
  ...rest
}: Receipt): Record<string, unknown> {
  return {
    ...rest,
    unresolved: isUnresolved({ ...rest, leaseRemainingMs }),
    leaseRemainingMs: Math.round(leaseRemainingMs),
    ageMs: Math.round(ageMs),
    outcome: outcome && { format: outcome.format, bytes: outcome.bytes.length },
  };
}

const line = (receipt: Receipt): string =>
  [
    receipt.claimedAt,
    (isUnresolved(receipt) ? 'unknown' : receipt.state).padEnd(9),
    receipt.action,
    receipt.requestId,
  ].join('  ');

async function find(receipts: PostgresReceipts, requestId: string): ReturnType<PostgresReceipts['get']> {
  const found = await receipts.get(receiptKey(receipts.namespace, hashOfWrittenId(requestId)));
  if (!found)
    process.stderr.write(
      `activity-guard: no receipt has request id ${requestId} in namespace ${receipts.namespace}\n`,
    );
  return found;
}

function resultOf(text: string | undefined): Outcome | undefined {
  if (text === undefined) return undefined;
  try {
    return { format: 'json', bytes: new TextEncoder().encode(JSON.stringify(JSON.parse(text))) };
  } catch {
    throw new UsageError('--result is not JSON');
  }
}

const implementations: Record<CommandName, Command> = {
  migrate: async (receipts, { values }) => {
    const version = await receipts.migrate();
    print(values.json ? JSON.stringify({ version }) : `The receipts tables are at version ${version}.`);
    return true;
  },

  list: async (receipts, { values, limit }) => {
    const rows = await receipts.list({ unresolved: values.unresolved, limit });
    if (values.json) print(JSON.stringify(rows.map(shown)));
    else rows.forEach((receipt) => print(line(receipt)));
    return true;
  },

  show: async (receipts, invocation) => {
    const { requestId, values } = invocation;
    if (values.workflow !== undefined) return showWorkflow(receipts, invocation, print);
    const found = await find(receipts, requestId);
    if (!found) return false;
    const whole = { ...shown(found.receipt), evidence: found.evidence };
    print(JSON.stringify(whole, null, values.json ? 0 : 2));
    return true;
  },

  resolve: async (receipts, { requestId, values }) => {
    const outcome = resultOf(values.result);
    const found = await find(receipts, requestId);
    if (!found) return false;
    const { key, epoch } = found.receipt;
    const verdict = values.committed ? 'committed' : 'not-committed';
    const done = await receipts.resolve({
      key,
      epoch,
      verdict,
      source: 'operator',
      note: values.reason,
      outcome,
    });
    const now = (await receipts.get(key))?.receipt.state;
    if (values.json) print(JSON.stringify({ requestId, resolved: done, state: now }));
    else if (done) print(`${requestId} is now ${now}.`);
    else
      process.stderr.write(
        `activity-guard: ${requestId} was not resolved: ${whyNot(found.receipt, verdict)}\n`,
      );
    return done;
  },

  supersede: async (receipts, { requestId, values }) => {
    const found = await find(receipts, requestId);
    if (!found) return false;
    const { key, epoch, state } = found.receipt;
    const done = await receipts.supersede({ key, epoch, state, source: 'operator', note: values.reason });
    if (values.json) print(JSON.stringify({ requestId, superseded: done }));
    else if (done) print(`${requestId} was ${state}; the next call starts a new generation.`);
    else
      process.stderr.write(`activity-guard: ${requestId} was not superseded: ${whyNotSuperseded(state)}\n`);
    return done;
  },

  prune: async (receipts, { olderThanMs, values }) => {
    let pruned = 0;
    let batch: number;
    do {
      batch = await receipts.prune({ retainMs: olderThanMs, limit: pruneBatch });
      pruned += batch;
    } while (batch === pruneBatch); // less than that is what came due meanwhile
    print(values.json ? JSON.stringify({ pruned }) : `Pruned ${pruned} receipts.`);
    return true;
  },

  stats: async (receipts, { values }) => {
    const stats = await receipts.stats();
    if (values.json) print(JSON.stringify(stats));
    else
      for (const [state, count] of Object.entries({ ...stats.states, unresolved: stats.unresolved }))
        print(`${state.padEnd(11)} ${count}`);
    return true;
  },

  report: async (receipts, invocation) => report(receipts, invocation, print),
};

function whyNotSuperseded(state: Receipt['state']): string {
  if (state === 'claimed' || state === 'unknown')
    return 'somebody may still act on it; wait for its lease and grace time to end.';
  if (state === 'delegated') return 'it is being completed elsewhere; resolve it first.';
  return `it is ${state}, or has changed just now.`;
}

function whyNot(receipt: Receipt, verdict: string): string {
  if (receipt.state === 'claimed' && receipt.leaseRemainingMs > 0)
    return 'somebody holds it; wait for its lease to end.';
  if (isUnresolved(receipt) && verdict === 'not-committed') {
    const openMs = receipt.leaseRemainingMs + receipt.graceMs;
    return openMs > 0
      ? `until its lease and grace time are over the effect may still arrive; ask the provider again in ${Math.ceil(openMs / 1000)} s.`
      : 'there is evidence that it was committed (see show).';
  }
  return `it is ${receipt.state}; what you said is kept as evidence.`;
}

const run =
  (command: Command) =>
  async (invocation: Invocation): Promise<boolean> => {
    const { 'database-url': url = process.env['DATABASE_URL'], schema, namespace } = invocation.values;
    const receipts = pgReceipts(url === undefined ? {} : { connectionString: url }, {
      ...(schema === undefined ? {} : { schema }),
      ...(namespace === undefined ? {} : { namespace }),
    });
    try {
      return await command(receipts, invocation);
    } finally {
      await receipts.close();
    }
  };

export const commands = Object.fromEntries(
  Object.entries(implementations).map(([name, command]) => [name, run(command)]),
) as Record<CommandName, (invocation: Invocation) => Promise<boolean>>;
