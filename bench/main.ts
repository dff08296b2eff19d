/** `npm run bench`: runs the workloads, one after the other, and tells what they found. */
import { writeFileSync } from 'node:fs';

import { startTestStack } from 'activity-guard/testing';
import { start } from './command';
import { writeDocs } from './docs';
import { describeMachine } from './machine';
import { parseOptions, usage, type Options } from './options';
import { reportOf, type Outcome, type Report } from './report';
import { toText } from './table';
import type { Bench, Workload } from './workload';
import { contention } from './workloads/contention';
import { fresh } from './workloads/fresh';
import { growth } from './workloads/growth';
import { limit } from './workloads/limit';
import { memory } from './workloads/memory';
import { peers } from './workloads/peers';
import { replay } from './workloads/replay';
import { replayCost } from './workloads/replay-cost';
import { temporal } from './workloads/temporal';
import { tenants } from './workloads/tenants';

const workloads: readonly Workload[] = [
  ...[fresh, limit, replay, contention, growth, memory],
  ...[temporal, replayCost, peers, tenants],
];
const names = workloads.map(({ name }) => name);
/** Takes a package of its own for each peer, and some minutes. */
const notQuick: readonly string[] = ['peers'];
/** Loads the machine as no other: what it found is in docs/security.md. */
const onlyAsked: readonly string[] = ['tenants'];

/** With the seconds since the start. */
const say = (line: string): void =>
  void process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${line}\n`);

async function run(options: Options): Promise<Report> {
  const begun = performance.now();
  const startedAt = new Date().toISOString();
  const { effort, only } = options;
  const chosen = workloads.filter(({ name }) =>
    only ? only.includes(name) : !onlyAsked.includes(name) && !(effort.quick && notQuick.includes(name)),
  );
  const stack = await startTestStack({ temporal: false });
  try {
    const machine = await describeMachine(stack.databaseUrl);
    const outcomes: Outcome[] = [];
    for (const workload of chosen) {
      outcomes.push(await outcomeOf(workload, { effort, databaseUrl: stack.databaseUrl, say }));
    }
    return reportOf({ effort, machine, outcomes, startedAt, seconds: (performance.now() - begun) / 1000 });
  } finally {
    await stack.stop();
  }
}

/** One that fails leaves the others their turn. */
async function outcomeOf(workload: Workload, bench: Bench): Promise<Outcome> {
  say(`== ${workload.title}`);
  try {
    return { workload, findings: await workload.run(bench) };
  } catch (error) {
    say(
      `FAILED ${workload.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return { workload, error };
  }
}

async function main(options: Options): Promise<number> {
  const report = await run(options);
  const json = JSON.stringify(report, undefined, 2);
  if (options.out !== undefined) writeFileSync(options.out, `${json}\n`);
  if (options.docs) writeDocs(report);
  process.stdout.write(
    options.json ? `${JSON.stringify(report)}\n` : `${report.tables.map(toText).join('\n\n')}\n`,
  );
  for (const [name, error] of Object.entries(report.errors)) say(`FAILED ${name}: ${error}`);
  return Object.keys(report.errors).length === 0 ? 0 : 1;
}

start({ usage: usage(names), parse: (args) => parseOptions(args, names), run: main });
