#!/usr/bin/env node
/** `activity-guard`: looks after receipts from the command line. */
import { ActivityGuardError } from '../core';
import { commands } from './commands';
import { parse, usage, UsageError } from './options';

const exitCode = { ok: 0, failed: 1, usage: 2 } as const;

async function main(argv: readonly string[]): Promise<number> {
  try {
    const invocation = parse(argv);
    if (invocation === 'help') {
      process.stdout.write(usage);
      return exitCode.ok;
    }
    return (await commands[invocation.command](invocation)) ? exitCode.ok : exitCode.failed;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`activity-guard: ${error.message}\nTry: activity-guard --help\n`);
      return exitCode.usage;
    }
    process.stderr.write(`activity-guard: ${describe(error)}\n`);
    return exitCode.failed;
  }
}

/** What went wrong, with its cause: `AggregateError`s of a refused connection have no message of their own. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  const own = error.message === '' && typeof code === 'string' ? code : error.message;
  if (error instanceof ActivityGuardError)
    return error.cause instanceof Error ? `${own} (${describe(error.cause)})` : own;
  return code === 'ECONNREFUSED'
    ? `${own}: is the database running? Give --database-url, DATABASE_URL or PG* variables.`
    : own;
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
