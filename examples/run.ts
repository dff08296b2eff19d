/**
 * Runs every example of the folder `tools`, and says of each whether it had as many effects as intents: `npm run examples`,
 * `-- --only <name>`, `-- --json`.
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { startPostgres } from 'activity-guard/testing';

const folder = join(__dirname, 'tools');
/** What the examples share. What else is in the folder has to say what an example says. */
const shared = ['database.js'];
/** Generous: an example may have to install packages. */
const longestMs = 15 * 60_000;

/** An example, and where it is. */
export interface Example {
  readonly name: string;
  readonly script: string;
}

/** All examples. */
export const findExamples = (): Example[] =>
  readdirSync(folder)
    .filter((file) => /\.m?js$/.test(file) && !shared.includes(file))
    .map((file) => ({ name: file.replace(/\.m?js$/, ''), script: join(folder, file) }));

/** What became of an example. */
export interface Verdict {
  readonly outcome: 'ok' | 'failed' | 'skipped';
  /** The counts, or why there are none. */
  readonly says: string;
}

/** What an example has shown, by what it printed. */
export function verdictOf(output: string, failure?: string): Verdict {
  if (failure !== undefined) return { outcome: 'failed', says: failure };
  const skipped = /^skipped: (.+)$/m.exec(output)?.[1];
  if (skipped !== undefined) return { outcome: 'skipped', says: skipped };
  for (const line of ['first call: ', 'retry: '])
    if (!`\n${output}`.includes(`\n${line}`)) return { outcome: 'failed', says: `no line "${line}…"` };
  const counts = /(?:^|\n)effects: (\d+), intents: (\d+)\s*$/.exec(output);
  if (!counts) return { outcome: 'failed', says: 'no last line "effects: N, intents: N"' };
  const [effects, intents] = [Number(counts[1]), Number(counts[2])];
  if (effects !== intents || intents === 0)
    return { outcome: 'failed', says: `effects ${effects}, intents ${intents}` };
  return { outcome: 'ok', says: `effects ${effects} = intents ${intents}` };
}

/** A verdict, and what it is about. */
export interface Ran extends Verdict {
  readonly name: string;
  readonly seconds: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs an example in a process of its own, which is killed when it takes too long. */
export function runExample(
  { name, script }: Example,
  databaseUrl: string,
  timeout = longestMs,
): Promise<Ran> {
  const started = performance.now();
  const options = {
    ...({ timeout, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const),
    env: { ...process.env, DATABASE_URL: databaseUrl },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [script], options, (error, output, errors) => {
      const seconds = Math.round((performance.now() - started) / 100) / 10;
      const failure = error ? `ended with ${error.code ?? error.signal}` : undefined;
      resolve({ name, ...verdictOf(output, failure), seconds, output, errors });
    });
  });
}

const marks = { ok: 'ok     ', failed: 'FAILED ', skipped: 'SKIPPED' };

function show({ name, outcome, says, seconds, output, errors }: Ran): void {
  console.log(`${marks[outcome]} ${name.padEnd(20)} ${says.padEnd(26)} ${seconds.toFixed(1)} s`);
  if (outcome === 'failed') console.error(`${output}${errors}`);
}

async function main(): Promise<void> {
  const options = { only: { type: 'string' }, json: { type: 'boolean', default: false } } as const;
  const { only, json } = parseArgs({ options }).values;
  const examples = findExamples().filter(({ name }) => only === undefined || name === only);
  if (examples.length === 0) throw new Error(`There is no example ${only}.`);
  const given = process.env['DATABASE_URL'];
  const started = given === undefined ? await startPostgres() : undefined;
  const all: Ran[] = [];
  try {
    for (const example of examples) {
      const ran = await runExample(example, given ?? started?.connectionString ?? '');
      all.push(ran);
      if (!json) show(ran);
    }
  } finally {
    await started?.stop();
  }
  const [skipped, failed] = (['skipped', 'failed'] as const).map(
    (outcome) => all.filter((ran) => ran.outcome === outcome).length,
  );
  if (json) console.log(JSON.stringify({ examples: all }));
  else console.log(`${all.length - (skipped ?? 0)} ran, ${failed} failed, ${skipped} skipped`);
  if (failed !== 0) process.exitCode = 1;
}

if (require.main === module)
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
