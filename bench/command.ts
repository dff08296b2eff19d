/** How the commands of benches and proofs begin and end. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

/** The command line makes no sense: said to the user, exit code 2. */
export class UsageError extends Error {}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: O }>>['values'];

/** What was said; what the command does not know is a UsageError. */
export function parseValues<const O extends Options>(args: readonly string[], options: O): Values<O> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

interface Command<O extends { readonly help: boolean }> {
  readonly usage: string;
  readonly parse: (args: readonly string[]) => O;
  /** Gives the exit code. */
  readonly run: (options: O) => Promise<number>;
}

/** Runs a command and ends the process, whatever it left open: 0, what `run` says, 1 for an error, 2 for a wrong command line. */
export function start<O extends { readonly help: boolean }>({ usage, parse, run }: Command<O>): void {
  const main = async (): Promise<number> => {
    const options = parse(process.argv.slice(2));
    if (!options.help) return run(options);
    process.stdout.write(usage);
    return 0;
  };
  main().then(
    (code) => process.exit(code),
    (error: unknown) => {
      if (!(error instanceof UsageError)) console.error(error);
      else console.error(`${error.message}\n\n${usage}`);
      process.exit(error instanceof UsageError ? 2 : 1);
    },
  );
}
