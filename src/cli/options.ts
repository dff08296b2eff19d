/** What can be asked on the command line. */
import { parseArgs } from 'node:util';

import { toMs } from '../core';

export const usage = `Usage: activity-guard <command> [options]

Commands
  migrate                 create or upgrade the receipts tables
  list                    receipts, newest first
  show <request id>       one receipt with its evidence
  resolve <request id>    say what became of an unknown outcome:
                            --committed [--result JSON]   it happened; JSON is what callers get
                            --not-committed               it did not; the next attempt runs it
  supersede <request id>  let a settled intent happen once more, as a new generation with an id of its own
  prune                   turn receipts settled before --older-than into tombstones
  stats                   counts by state

Options
  --unresolved            list: only unknown outcomes
  --limit N               list: at most N rows (100)
  --older-than DURATION   prune: such as 90d; a receipt whose effect says retainFor is kept that long
  --reason TEXT           resolve, supersede: why, kept as evidence
  --database-url URL      else DATABASE_URL, else PG* variables
  --schema NAME           schema of the tables (activity_guard)
  --namespace NAME        namespace of the receipts (default)
  --json                  print JSON
  --help

Examples
  activity-guard list --unresolved
  activity-guard resolve 'invoice:42' --committed --result '{"id":"ch_1"}' --reason 'seen in the provider console'
`;

const commandNames = ['migrate', 'list', 'show', 'resolve', 'supersede', 'prune', 'stats'] as const;
const takingId: readonly CommandName[] = ['show', 'resolve', 'supersede'];
export type CommandName = (typeof commandNames)[number];

/** The call cannot be taken: nothing was done. */
export class UsageError extends Error {}

const options = {
  unresolved: { type: 'boolean', default: false },
  limit: { type: 'string', default: '100' },
  committed: { type: 'boolean', default: false },
  'not-committed': { type: 'boolean', default: false },
  result: { type: 'string' },
  reason: { type: 'string' },
  'older-than': { type: 'string' },
  'database-url': { type: 'string' },
  schema: { type: 'string' },
  namespace: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const parseValues = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });

/** One understood command line. */
export interface Invocation {
  readonly command: CommandName;
  readonly requestId: string;
  readonly limit: number;
  /** For `prune`. */
  readonly olderThanMs: number;
  readonly values: ReturnType<typeof parseValues>['values'];
}

/** @throws UsageError naming what is wrong */
export function parse(argv: readonly string[]): Invocation | 'help' {
  const { values, positionals } = parsed(argv);
  const [command, requestId, ...rest] = positionals;
  if (values.help || command === 'help') return 'help';
  if (command === undefined) throw new UsageError('which command?');
  if (!isCommand(command))
    throw new UsageError(`there is no command '${command}' (${commandNames.join(', ')})`);
  const takesId = takingId.includes(command);
  if (takesId !== (requestId !== undefined) || rest.length > 0) {
    throw new UsageError(takesId ? `${command} takes one request id` : `${command} takes no further words`);
  }
  if (command === 'resolve' && values.committed === values['not-committed']) {
    throw new UsageError('resolve takes either --committed or --not-committed');
  }
  if (values.result !== undefined && !values.committed)
    throw new UsageError('--result goes with --committed');
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new UsageError('--limit takes a whole number from 1 to 100000');
  const olderThanMs = command === 'prune' ? olderThan(values['older-than']) : 0;
  return { command, requestId: requestId ?? '', limit, olderThanMs, values };
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
