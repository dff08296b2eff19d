#!/usr/bin/env node
/** `activity-guard`: looks after receipts from the command line. */
import { ActivityGuardError } from '../core';
import { optionalPackages } from '../optional-package';
import type * as PgStore from '../stores/pg';
import { commands } from './commands';
import type { Context } from './definition';
import { parse, type Invocation } from './program';
import { howToReach, isConnection } from './reaching';
import { complain, printTo } from './terminal';
import { UsageError } from './usage-error';

const exitCode = { ok: 0, failed: 1, usage: 2 } as const;

async function main(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parse(argv, process.stdout.columns || undefined);
    if ('help' in parsed) {
      process.stdout.write(parsed.help);
      return exitCode.ok;
    }
    return (await run(parsed)) ? exitCode.ok : exitCode.failed;
  } catch (error) {
    if (error instanceof UsageError) {
      complain(error.message);
      process.stderr.write(`Try: activity-guard ${commandIn(argv)}--help\n`);
      return exitCode.usage;
    }
    complain(describe(error));
    return exitCode.failed;
  }
}

/** The command that was meant, with a space; `''` where there is none. */
function commandIn(argv: readonly string[]): string {
  const known = commands.find(({ name }) => argv.includes(name));
  return known ? `${known.name} ` : '';
}

async function run({ definition, common, given, argument }: Invocation): Promise<boolean> {
  const { 'database-url': url = process.env['DATABASE_URL'], schema } = common;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a missing one is told by name
  const load = () => require('../stores/pg') as typeof PgStore;
  const { pgReceipts } = optionalPackages(['pg'], 'to reach the receipts', load);
  const open = (namespace = common.namespace): PgStore.PostgresReceipts =>
    pgReceipts(url === undefined ? {} : { connectionString: url }, {
      ...(schema === undefined ? {} : { schema }),
      ...(namespace === undefined ? {} : { namespace }),
    });
  const receipts = open();
  const context: Context = { given: common, receipts, open, print: printTo(process.stdout) };
  try {
    return await definition.run(context, given, argument);
  } finally {
    await receipts.close();
  }
}

/** What went wrong, with its cause: `AggregateError`s of a refused connection have no message of their own. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const own = error.message === '' && typeof code === 'string' ? code : error.message;
  if (error instanceof ActivityGuardError)
    return error.cause instanceof Error ? `${own} (${describe(error.cause)})` : own;
  return isConnection(code) ? `${own}: ${howToReach(code)}` : own;
}

// Who reads has seen enough, as `head` does.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1));

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
