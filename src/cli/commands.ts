/** What the commands do. Each answers whether it succeeded. */
import type { ListFilter, Receipt } from '../core';
import { shown, stateOf } from '../operator';
import { pgReceipts, type PostgresReceipts } from '../stores/pg';
import { dashboard } from './dashboard';
import { mcp } from './mcp';
import type { CommandName, Invocation } from './options';
import { resolve, show, supersede } from './people';
import { reconcile } from './reconcile';
import { report } from './report/report';
import { serve } from './serve';
import { showWorkflow } from './show-workflow';

/** Rows in one statement. */
const pruneBatch = 10_000;

const lingerMs = 1000;

type Command = (receipts: PostgresReceipts, invocation: Invocation) => Promise<boolean>;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Unknown is also what a dead holder left claimed; contested is no state of its own. */
function filterOf(state: Invocation['state'], unresolved: boolean): ListFilter {
  if (state === undefined || state === 'unknown') return { unresolved: unresolved || state === 'unknown' };
  return state === 'contested' ? { contested: true, unresolved } : { states: [state], unresolved };
}

const line = (receipt: Receipt): string =>
  [receipt.claimedAt, stateOf(receipt).padEnd(9), receipt.action, receipt.requestId].join('  ');

const implementations: Record<CommandName, Command> = {
  migrate: async (receipts, { values }) => {
    const version = await receipts.migrate();
    print(values.json ? JSON.stringify({ version }) : `The receipts tables are at version ${version}.`);
    return true;
  },

  list: async (receipts, { values, state, limit }) => {
    const rows = await receipts.list({ ...filterOf(state, values.unresolved), limit });
    if (values.json) print(JSON.stringify(rows.map(shown)));
    else rows.forEach((receipt) => print(line(receipt)));
    return true;
  },

  show: async (receipts, invocation) =>
    invocation.values.workflow === undefined
      ? show(receipts, invocation, print)
      : showWorkflow(receipts, invocation, print),

  resolve: async (receipts, invocation) => resolve(receipts, invocation, print),

  supersede: async (receipts, invocation) => supersede(receipts, invocation, print),

  reconcile: async (receipts, invocation) => reconcile(receipts, invocation, print),

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
      for (const [state, count] of Object.entries({
        ...stats.states,
        unresolved: stats.unresolved,
        contested: stats.contested,
      }))
        print(`${state.padEnd(11)} ${count}`);
    return true;
  },

  report: async (receipts, invocation) => report(receipts, invocation, print),

  serve: async (_receipts, invocation) =>
    serve((namespace) => open(invocation, namespace), invocation, print),
  dashboard: async (receipts, invocation) => dashboard(receipts, invocation, print),
  mcp,
};

/** The receipts that the command line names; nothing is connected before the first question. */
function open({ values }: Invocation, namespace = values.namespace): PostgresReceipts {
  const { 'database-url': url = process.env['DATABASE_URL'], schema } = values;
  return pgReceipts(url === undefined ? {} : { connectionString: url }, {
    ...(schema === undefined ? {} : { schema }),
    ...(namespace === undefined ? {} : { namespace }),
  });
}

const run =
  (command: Command) =>
  async (invocation: Invocation): Promise<boolean> => {
    const receipts = open(invocation);
    try {
      return await command(receipts, invocation);
    } finally {
      await receipts.close();
      // What a module of probes has left open, such as a connection, does not keep the process.
      if (invocation.values.probes !== undefined) setTimeout(() => process.exit(), lingerMs).unref();
    }
  };

export const commands = Object.fromEntries(
  Object.entries(implementations).map(([name, command]) => [name, run(command)]),
) as Record<CommandName, (invocation: Invocation) => Promise<boolean>>;
