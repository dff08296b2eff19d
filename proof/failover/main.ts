/** `npm run test:failover`: see docs/failover.md. Exit code 0 if nothing is lost that must not be, and enough was tried. */
import { parseValues, start, UsageError } from '../../bench/command';
import { isGood, runFailovers } from './failover';

const usage = `Usage: npm run test:failover -- [options]

A primary and a streaming standby; guards claim and settle while one primary after the other is killed.

  --promotions N   how many (5)
  --asynchronous   commits do not wait for the standby: counts what is lost
  --seed S         where the faults come from (1)
  --json           print one JSON object on stdout (progress goes to stderr)
  --help           print this
`;

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    promotions: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    ...{ asynchronous: flag, json: flag, help: flag },
  } as const;
  const { promotions, seed, ...flags } = parseValues(args, options);
  if (!/^[1-9]\d{0,3}$/.test(promotions))
    throw new UsageError('--promotions is a whole number from 1 to 9999');
  if (!Number.isSafeInteger(Number(seed))) throw new UsageError('--seed is a whole number');
  return { ...flags, promotions: Number(promotions), seed: Number(seed) };
}

const log = (line: string): void => void process.stderr.write(`failover: ${line}\n`);

async function main({ json, asynchronous, promotions, seed }: ReturnType<typeof parse>): Promise<number> {
  const result = await runFailovers({ promotions, seed, synchronous: !asynchronous, log });
  if (json) console.log(JSON.stringify(result));
  else console.table(Object.fromEntries(Object.entries(result).map(([name, value]) => [name, shown(value)])));
  for (const reason of result.tooLittle) log(`too little: ${reason}`);
  return isGood(result) ? 0 : 1;
}

const shown = (value: unknown): unknown => (typeof value === 'object' ? JSON.stringify(value) : value);

start({ usage, parse, run: main });
