/** `reconcile`: finds out what became of unknown outcomes. */
import { Reconciler, type GuardEvent, type ReconcileCounts, type ReconcilerSetup } from '../core';
import type { PostgresReceipts } from '../stores/pg';
import { systemClock } from '../system-clock';
import type { Invocation } from './options';
import { withTemporal } from './temporal';

type Print = (line: string) => void;

const textOf = (counts: ReconcileCounts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/**
 * One pass over all that is due, or passes until the process is told to end. Asks what is on file and, unless told
 * otherwise, Temporal's history; probes are asked by workers (`reconcile: true`).
 * @returns whether the store answered for all of them
 */
export async function reconcile(
  receipts: PostgresReceipts,
  { values }: Invocation,
  print: Print,
): Promise<boolean> {
  const run = (setup: Pick<ReconcilerSetup, 'sources' | 'wake'>): Promise<boolean> => {
    const onEvent = ({ type, by }: GuardEvent): void => {
      if (type === 'store-error') process.stderr.write(`activity-guard: the receipts are away (${by})\n`);
    };
    const reconciler = new Reconciler({ store: receipts, clock: systemClock, onEvent, ...setup });
    return values.watch ? watch(reconciler, values.json, print) : once(reconciler, values.json, print);
  };
  if (values['no-temporal']) return run({ sources: [] });
  return withTemporal((client, { TemporalHistoryEvidence, wakeWaiting }) =>
    run({
      sources: [new TemporalHistoryEvidence({ client })],
      wake: (receipt) => wakeWaiting(client, receipt),
    }),
  );
}

async function once(reconciler: Reconciler, asJson: boolean, print: Print): Promise<boolean> {
  const start = performance.now();
  const counts = await reconciler.pass();
  const seconds = (performance.now() - start) / 1000;
  const rowsPerSecond = Math.round(counts.looked / Math.max(seconds, 0.001));
  print(
    asJson
      ? JSON.stringify({ ...counts, seconds: Number(seconds.toFixed(3)), rowsPerSecond })
      : `${textOf(counts)} (${seconds.toFixed(1)} s)`,
  );
  return counts.failed === 0;
}

async function watch(reconciler: Reconciler, asJson: boolean, print: Print): Promise<true> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await reconciler.watch(stop.signal, (counts) => print(asJson ? JSON.stringify(counts) : textOf(counts)));
  return true;
}
