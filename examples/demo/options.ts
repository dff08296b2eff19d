import { parseArgs } from 'node:util';

export interface Options {
  json: boolean;
  keep: boolean;
  help: boolean;
}

/** The command line makes no sense: said to the user, exit code 2. */
export class UsageError extends Error {}

export const USAGE = `Usage: npm run demo -- [options]

Runs 24 orders through an agent workflow twice, unguarded and guarded, and kills the same workers
at the same moments in both runs. Exits 0 only if the unguarded run did something twice and the
guarded run did everything exactly once.

  --json   print one JSON object on stdout (progress goes to stderr)
  --keep   leave everything running at the end and print the addresses, until Ctrl-C
  --help   print this

The model is scripted, so no network is needed. With OPENAI_API_KEY or ANTHROPIC_API_KEY in the
environment a real one decides; DEMO_MODEL names it.
`;

export function parseOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      strict: true,
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
