/** `npm run campaign`: see docs/campaign.md. Exit code 0 if nothing is broken and enough was tried. */
import { parseValues, start, UsageError } from '../../bench/command';
import { runCampaign } from './campaign';
import { mutants, runMutant, runMutants } from './mutants';
import type { Result } from './result';

const usage = `Usage: npm run campaign -- [options]

A steady load of intents under random faults, and a checker that names every broken invariant.

  --minutes N     how long (1)
  --seconds N     the same in seconds
  --seed S        where the faults and intents come from (1)
  --json          print one JSON object on stdout (progress goes to stderr)
  --soak          two hours, with a sample each minute
  --mutant NAME   with a bug planted: ${Object.keys(mutants).join(', ')}
  --mutants       each of them in turn; fails if one is not caught
  --help          print this
`;

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly help: boolean;
  readonly mutant: string | undefined;
  readonly mutants: boolean;
}

function parse(args: readonly string[]): Options {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  const parsed = parseValues(args, {
    ...{ minutes: text, seconds: text, seed: text, mutant: text },
    ...{ json: flag, soak: flag, mutants: flag, help: flag },
  });
  const { minutes = parsed.soak ? '120' : '1', seconds = String(60 * Number(minutes)), seed = '1' } = parsed;
  if (!(Number(seconds) > 0)) throw new UsageError('--minutes and --seconds are numbers above 0');
  if (!Number.isSafeInteger(Number(seed))) throw new UsageError('--seed is a whole number');
  if (parsed.mutant !== undefined && !Object.hasOwn(mutants, parsed.mutant))
    throw new UsageError(`there is no mutant ${parsed.mutant}`);
  return { ...parsed, mutant: parsed.mutant, seconds: Number(seconds), seed: Number(seed) };
}

const log = (line: string): void => void process.stderr.write(`campaign: ${line}\n`);

function tell({ broken, notVacuous, ...result }: Result): void {
  console.log(
    `seed ${result.seed}: ${result.intents} intents, ${result.effects} effects, ${result.kills} kills, at rest after ${result.restSeconds} s`,
  );
  for (const [kind, count] of Object.entries(result.faults))
    console.log(`  ${String(count).padStart(4)} ${kind}`);
  console.log(JSON.stringify(notVacuous, null, 1));
  for (const each of broken) console.log(`BROKEN I${each.invariant} ${each.intent}: ${each.what}`);
  console.log(`${broken.length} broken`);
}

async function main({ seconds, seed, json, mutant, ...options }: Options): Promise<number> {
  if (options.mutants) {
    const rows = await runMutants({ seconds, seed, log });
    if (json) console.log(JSON.stringify({ seed, mutants: rows }));
    else console.table(rows);
    return rows.every(({ caught }) => caught) ? 0 : 1;
  }
  if (mutant !== undefined) {
    const result = await runMutant(mutant, { seconds, seed, log });
    if (json) console.log(JSON.stringify(result));
    else tell(result);
    return result.broken.length > 0 ? 0 : 1;
  }
  const result = await runCampaign({ seconds, seed, log });
  if (json) console.log(JSON.stringify(result));
  else tell(result);
  return result.broken.length === 0 && result.notVacuous.tooLittle.length === 0 ? 0 : 1;
}

start({ usage, parse, run: main });
