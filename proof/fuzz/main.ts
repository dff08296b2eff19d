/** `npm run fuzz`: bad input by the million. */
import { randomInt } from 'node:crypto';

import { startTestStack } from 'activity-guard/testing';
import { parseValues, start, UsageError } from '../../bench/command';
import { fuzz, kinds, type FuzzOptions } from './fuzz';
import { toText } from './report';
import { openWorlds, type StoreName } from './worlds';

const names = kinds.map(({ name }) => name);

const usage = `Usage: npm run fuzz -- [options]

Generates bad input for the guard, the HTTP service and the MCP server, and fails if one of them crashes, hangs, runs an
effect for what it refuses, or keeps something else than it was told.

  --cases N        how many cases (1000000)
  --seed S         of the generator; random unless given, and printed
  --kind A,B       only these kinds: ${names.join(', ')}
  --postgres P     so many of a hundred cases go to Postgres (5); 0 starts none
  --json           print one JSON object on stdout
  --path P --store S    repeat what a failure has named
  --help           print this
`;

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  return parseValues(args, {
    ...{ cases: text, seed: text, kind: text, postgres: text, path: text, store: text },
    ...{ json: flag, help: flag },
  });
}

function numberOf(
  name: string,
  value: string | undefined,
  usual: number,
  least: number,
  most: number,
): number {
  const number = value === undefined ? usual : Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UsageError(`--${name} is a whole number from ${least} to ${most}`);
}

function optionsOf({
  cases,
  seed,
  kind,
  postgres,
  path,
  store,
}: ReturnType<typeof parse>): Omit<FuzzOptions, 'worlds'> {
  const only = kind?.split(',');
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no kind ${unknown}`);
  return {
    cases: numberOf('cases', cases, 1_000_000, 1, 1e9),
    seed: numberOf('seed', seed, randomInt(2 ** 31), -(2 ** 31), 2 ** 31 - 1),
    postgresPercent: numberOf('postgres', postgres, 5, 0, 100),
    kinds: kinds.filter(({ name }) => only?.includes(name) ?? true),
    ...(path === undefined ? {} : { repeat: { path, store: (store ?? 'memory') as StoreName } }),
  };
}

/** One line that is written again and again, for terminals; a line now and then for logs. */
function progress(cases: number): (done: number, kind: string) => void {
  let saidAt = 0;
  return (done, kind) => {
    const now = performance.now();
    const { stderr } = process;
    if (now - saidAt < (stderr.isTTY ? 200 : 15_000)) return;
    saidAt = now;
    const line = `${(now / 1000).toFixed(0).padStart(4)} s  ${done} of ${cases} cases, ${kind}`;
    stderr.write(stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
}

async function main(parsed: ReturnType<typeof parse>): Promise<number> {
  const options = optionsOf(parsed);
  process.stderr.write(`seed ${options.seed}\n`);
  const stack = options.postgresPercent > 0 ? await startTestStack({ temporal: false }) : undefined;
  try {
    const worlds = await openWorlds(stack?.databaseUrl);
    try {
      const report = await fuzz({ ...options, worlds, onProgress: progress(options.cases) });
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
      process.stdout.write(`${parsed.json ? JSON.stringify(report) : toText(report)}\n`);
      return report.broken.length === 0 ? 0 : 1;
    } finally {
      await worlds.close();
    }
  } finally {
    await stack?.stop();
  }
}

start({ usage, parse, run: main });
