import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseOptions, USAGE, UsageError } from './options';
import type { Options } from './options';
import { Progress } from './progress';
import { findFaults, toJson, toText } from './report';
import { runDemo } from './run-demo';
import { Teardown } from './teardown';

/** The exit code that shells give for Ctrl-C. */
const INTERRUPTED = 130;

async function main(options: Options): Promise<number> {
  const progress = new Progress();
  const teardown = new Teardown();
  stopOnSignal(teardown);
  const folder = await mkdtemp(path.join(tmpdir(), 'activity-guard-demo-'));
  let ok = false;
  // Registered first, so done last: the logs in it are worth having when something went wrong.
  teardown.add(async () => {
    if (ok || teardown.interrupted) await rm(folder, { recursive: true, force: true });
    else console.error(`The logs are in ${folder}`);
  });
  try {
    const result = await runDemo({ folder, keep: options.keep, progress, teardown });
    process.stdout.write(options.json ? `${JSON.stringify(toJson(result))}\n` : toText(result));
    const faults = findFaults(result);
    ok = faults.length === 0;
    for (const fault of faults) console.error(`NOT SHOWN: ${fault}`);
    if (ok && !options.json) console.log('Unguarded: done twice. Guarded: everything exactly once.');
    if (options.keep) await untilStopped(result.addresses);
  } catch (error) {
    // Whatever fails while the demo is being stopped fails because of that.
    if (!teardown.begun) console.error(error);
  }
  await teardown.run();
  if (teardown.interrupted) return INTERRUPTED;
  return ok ? 0 : 1;
}

/** Children are told to stop and waited for. */
function stopOnSignal(teardown: Teardown): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (teardown.begun) return;
      teardown.interrupted = true;
      void teardown.run().then(() => process.exit(INTERRUPTED));
    });
  }
}

async function untilStopped(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) console.error(address);
  console.error('All of it keeps running until Ctrl-C.');
  // The children's channels keep this process alive; a signal ends it.
  await new Promise<never>(() => undefined);
}

function start(): void {
  let options: Options;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  void main(options).then((code) => process.exit(code));
}

start();
