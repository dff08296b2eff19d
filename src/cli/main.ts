#!/usr/bin/env node
/** `activity-guard`: looks after receipts from the command line. */
import { ActivityGuardError } from '../core';
import { optionalPackages } from '../optional-package';
import type * as PgStore from '../stores/pg';
import type { Context } from './definition';
import { definitionIn, parse, type Invocation } from './program';
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
      const named = definitionIn(argv);
      complain(error.message);
      process.stderr.write(`Try: activity-guard ${named ? `${named.name} ` : ''}--help\n`);
      return exitCode.usage;
    }
    complain(describe(error));
    return exitCode.failed;
  }
}

/* eslint-disable @typescript-eslint/no-require-imports -- loaded when needed, and a missing one is told by name */
const store = () =>
  optionalPackages(['pg'], 'to reach the receipts', () => require('../stores/pg') as typeof PgStore);
/* eslint-enable @typescript-eslint/no-require-imports */

async function run({ definition, common, given, argument }: Invocation): Promise<boolean> {
  const { 'database-url': url = process.env['DATABASE_URL'], schema } = common;
  const open = (namespace = common.namespace): PgStore.PostgresReceipts =>
    store().pgReceipts(url === undefined ? {} : { connectionString: url }, {
      ...(schema === undefined ? {} : { schema }),
      ...(namespace === undefined ? {} : { namespace }),
    });
  let receipts: PgStore.PostgresReceipts | undefined;
  const context: Context = {
    given: common,
    open,
    print: printTo(process.stdout),
    get receipts() {
      return (receipts ??= open());
    },
  };
  try {
    return await definition.run(context, given, argument);
  } finally {
    await receipts?.close();
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
