/** What can be asked on the command line. */
import { parseArgs } from 'node:util';

import { receiptStates, toMs, type ReceiptState } from '../core';
import { checkReport, reportOptions, reportUsage } from './report/report-options';
import { UsageError } from './usage-error';

export { UsageError } from './usage-error';

export const usage = `Usage: activity-guard <command> [options]

Commands
  migrate                 create or upgrade the receipts tables
  list                    receipts, newest first
  show <request id>       one receipt with its evidence
  show --workflow ID      the effects of a workflow and its children:
                            --run RUN_ID                  of this run, not of the current one
                            --reset-to EVENT              what a reset to that event would do to each
  resolve <request id>    say what became of an unknown outcome:
                            --committed [--result JSON]   it happened; JSON is what callers get
                            --not-committed               it did not; the next attempt runs it
                            --compensated                 it happened, and has been undone
  supersede <request id>  let a settled intent happen once more, as a new generation with an id of its own
  reconcile               find out unknown outcomes, from the evidence on file and from Temporal's history:
                            --watch                       again and again, until it is told to end
                            --probes FILE                 and by the probes that this JavaScript module exports, as
                                                          probes: { [action]: probe }
  prune                   turn receipts settled before --older-than into tombstones
  stats                   counts by state
  report FILE             receipts against the provider's own export, CSV or JSON (- for standard input):
${reportUsage}  serve                   claims and receipts over HTTP, until it is told to end:
                            --keys FILE                   a line for each API key: <namespace> <key>
                                                          (else ACTIVITY_GUARD_KEYS)
                            --host HOST, --port PORT      127.0.0.1 and a free port unless given
  dashboard               a web page for people: what needs them, search, receipts, decisions; until it is told to end:
                            --host HOST, --port PORT      as for serve
                            --token-file FILE             of the token that signs in, who may decide (else
                                                          ACTIVITY_GUARD_DASHBOARD_TOKEN; else it is read-only)
                            --trust-header NAME           in place of a token: who a proxy says that it has signed in
                            --provider-link URL           of a payment at the provider, with {requestId} in it
  mcp                     serve the tools claim, settle, status and list_unknown to an agent, by MCP on stdio

Options
  --unresolved            list: only unknown outcomes
  --state STATE           list: only these, such as unknown or contested
  --limit N               list: at most N rows (100)
  --older-than DURATION   prune: such as 90d; a receipt whose effect says retainFor is kept that long
  --token TOKEN           resolve, supersede: as show prints it; it says what you have seen of the receipt
  --reason TEXT           resolve, supersede: why, kept as evidence
  --by NAME               resolve, supersede: who you are (the name of this machine's user)
  --ui URL                show, dashboard: of Temporal's web page, for a link (TEMPORAL_UI_URL)
  --no-temporal           reconcile: ask without it; resolve, supersede: wake nobody. Else Temporal is found as by its own
                          tools, also for show --workflow: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY,
                          TEMPORAL_TLS_*, or a profile (TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE)
  --database-url URL      else DATABASE_URL, else PG* variables
  --schema NAME           schema of the tables (activity_guard)
  --namespace NAME        namespace of the receipts (default)
  --json                  print JSON
  --help

Examples
  activity-guard list --unresolved
  activity-guard show --workflow order-42 --reset-to 9
  activity-guard report charges.csv --action charge --status-column status --success succeeded
  activity-guard show 'invoice:42'
  activity-guard resolve 'invoice:42' --token 1.unknown.0 --committed --result '{"id":"ch_1"}' --reason 'seen in the console'
`;

const commandNames = [
  ...([
    'migrate',
    'list',
    'show',
    'resolve',
    'supersede',
    'reconcile',
    'prune',
    'stats',
    'report',
    'serve',
    'dashboard',
    'mcp',
  ] as const),
] as const;
const takingId: readonly CommandName[] = ['show', 'resolve', 'supersede'];
export type CommandName = (typeof commandNames)[number];

const options = {
  unresolved: { type: 'boolean', default: false },
  limit: { type: 'string', default: '100' },
  committed: { type: 'boolean', default: false },
  'not-committed': { type: 'boolean', default: false },
  compensated: { type: 'boolean', default: false },
  state: { type: 'string' },
  token: { type: 'string' },
  by: { type: 'string' },
  ui: { type: 'string' },
  watch: { type: 'boolean', default: false },
  'no-temporal': { type: 'boolean', default: false },
  probes: { type: 'string' },
  keys: { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '0' },
  'token-file': { type: 'string' },
  'trust-header': { type: 'string' },
  'provider-link': { type: 'string' },
  result: { type: 'string' },
  reason: { type: 'string' },
  workflow: { type: 'string' },
  run: { type: 'string' },
  'reset-to': { type: 'string' },
  'older-than': { type: 'string' },
  ...reportOptions,
  'database-url': { type: 'string' },
  schema: { type: 'string' },
  namespace: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const parseValues = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });

type Values = ReturnType<typeof parseValues>['values'];

/** One understood command line. */
export interface Invocation {
  readonly command: CommandName;
  readonly requestId: string;
  readonly limit: number;
  /** For `list`. */
  readonly state: ReceiptState | 'contested' | undefined;
  /** For `show`: the event to reset to. */
  readonly resetTo: number | undefined;
  /** For `prune`. */
  readonly olderThanMs: number;
  /** For `report`. */
  readonly file: string;
  /** For `serve`; 0 is a free one. */
  readonly port: number;
  readonly values: Values;
}

/** @throws UsageError naming what is wrong */
export function parse(argv: readonly string[]): Invocation | 'help' {
  const { values, positionals } = parsed(argv);
  const [command, requestId, ...rest] = positionals;
  if (values.help || command === 'help') return 'help';
  if (command === undefined) throw new UsageError('which command?');
  if (!isCommand(command))
    throw new UsageError(`there is no command '${command}' (${commandNames.join(', ')})`);
  const ofWorkflow = command === 'show' && values.workflow !== undefined;
  checkWorkflow(command, values, requestId);
  const takesId = takingId.includes(command) && !ofWorkflow;
  const isReport = command === 'report';
  if ((takesId || isReport) !== (requestId !== undefined) || rest.length > 0) {
    throw new UsageError(
      takesId
        ? `${command} takes one request id${command === 'show' ? ' (or --workflow)' : ''}`
        : isReport
          ? 'report takes one file, or - for standard input'
          : `${command} takes no further words`,
    );
  }
  checkReport(command, values);
  if (values.probes !== undefined && command !== 'reconcile')
    throw new UsageError('--probes goes with reconcile');
  checkServe(command, values);
  checkDashboard(command, values);
  checkDecision(command, values);
  if (values.result !== undefined && !values.committed)
    throw new UsageError('--result goes with --committed');
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new UsageError('--limit takes a whole number from 1 to 100000');
  const olderThanMs = command === 'prune' ? olderThan(values['older-than']) : 0;
  return {
    command,
    requestId: isReport ? '' : (requestId ?? ''),
    file: isReport ? (requestId ?? '') : '',
    port: portIn(values.port),
    limit,
    state: stateIn(values.state),
    resetTo: eventOf(values['reset-to']),
    olderThanMs,
    values,
  };
}

function checkDecision(command: string, values: Values): void {
  const { committed, compensated, 'not-committed': notCommitted, reason } = values;
  if (command === 'resolve' && [committed, compensated, notCommitted].filter(Boolean).length !== 1)
    throw new UsageError('resolve takes one of --committed, --not-committed and --compensated');
  if ((command === 'resolve' || command === 'supersede') && !reason?.trim())
    throw new UsageError(`${command} takes --reason: it is kept for whoever asks later`);
}

function checkServe(command: string, { keys, host, port, namespace }: Values): void {
  const isElsewhere = host !== options.host.default || port !== options.port.default;
  if (keys !== undefined && command !== 'serve') throw new UsageError('--keys go with serve');
  if (command !== 'serve' && command !== 'dashboard' && isElsewhere)
    throw new UsageError('--host and --port go with serve and dashboard');
  if (command === 'serve' && namespace !== undefined)
    throw new UsageError('serve takes its namespaces from the API keys, not --namespace');
}

function checkDashboard(command: string, values: Values): void {
  for (const option of ['token-file', 'trust-header', 'provider-link'] as const)
    if (values[option] !== undefined && command !== 'dashboard')
      throw new UsageError(`--${option} goes with dashboard`);
}

function portIn(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new UsageError('--port takes a number from 0 (a free one) to 65535');
  return port;
}

function stateIn(state: string | undefined): Invocation['state'] {
  const states = [...receiptStates, 'contested'] as const;
  const known = states.find((name) => name === state);
  if (state !== undefined && known === undefined)
    throw new UsageError(`--state takes one of ${states.join(', ')}`);
  return known;
}

function checkWorkflow(
  command: string,
  { workflow, run, 'reset-to': resetTo }: Values,
  requestId?: string,
): void {
  if (workflow !== undefined && command !== 'show') throw new UsageError('--workflow goes with show');
  if (workflow !== undefined && requestId !== undefined)
    throw new UsageError('show takes either a request id or --workflow');
  if (workflow === '' || run === '') throw new UsageError('--workflow and --run take an id');
  if (workflow === undefined && (run !== undefined || resetTo !== undefined))
    throw new UsageError('--run and --reset-to go with show --workflow');
}

function eventOf(text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError("--reset-to takes the number of an event in the workflow's history");
  return text === undefined ? undefined : Number(text);
}

function olderThan(text: string | undefined): number {
  // A bare number would be milliseconds: nearly everything would be pruned.
  if (text === undefined || !/[a-z]/i.test(text))
    throw new UsageError('prune takes --older-than with a unit, such as --older-than 90d');
  try {
    return toMs('--older-than', text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parsed(argv: readonly string[]): ReturnType<typeof parseValues> {
  try {
    return parseValues(argv);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const isCommand = (name: string): name is CommandName => (commandNames as readonly string[]).includes(name);
