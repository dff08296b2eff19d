/** `reconcile`: finds out what became of unknown outcomes. */
import { Reconciler, type GuardEvent, type ReconcileCounts, type ReconcilerSetup } from '../core';
import type { PostgresReceipts } from '../stores/pg';
import { systemClock } from '../system-clock';
import type { Invocation } from './options';
import { loadProbes, sourcesOf } from './probes';
import { withTemporal } from '../operator';
import { toldToEnd } from './told-to-end';

type Print = (line: string) => void;

const textOf = (counts: ReconcileCounts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/**
 * One pass over all that is due, or passes until the process is told to end. Asks what is on file, Temporal's history
 * unless told otherwise, and the probes that are given; those of activities are asked by workers (`reconcile: true`).
 * @returns whether the store answered for all of them
 * @throws UsageError what is wrong with the module of probes, before anything is asked
 */
export async function reconcile(
  receipts: PostgresReceipts,
  { values }: Invocation,
  print: Print,
): Promise<boolean> {
  const run = (setup: Pick<ReconcilerSetup, 'sources' | 'wake'>): Promise<boolean> => {
    const reconciler = new Reconciler({ store: receipts, clock: systemClock, onEvent: toldOnce(), ...setup });
    return values.watch ? watch(reconciler, values.json, print) : once(reconciler, values.json, print);
  };
  const loaded = values.probes === undefined ? undefined : await loadProbes(values.probes);
  if (values['no-temporal']) return run({ sources: loaded ? sourcesOf(loaded) : [] });
  return withTemporal((client, { TemporalHistoryEvidence, wakeWaiting }) => {
    const history = new TemporalHistoryEvidence({ client });
    const probes = loaded ? sourcesOf(loaded, (receipt, signal) => history.argumentsOf(receipt, signal)) : [];
    return run({ sources: [history, ...probes], wake: (receipt) => wakeWaiting(client, receipt) });
  });
}

/** What goes wrong, on stderr; of what a source throws, each kind once: there may be 100,000 of them. */
function toldOnce(): (event: GuardEvent) => void {
  const told = new Set<string>();
  return ({ type, by, action }) => {
    if (type === 'store-error') process.stderr.write(`activity-guard: the receipts are away (${by})\n`);
    const failed = `asking about receipts of ${action} failed (${by}); they are asked about again later`;
    if (type !== 'unknown' || told.has(failed)) return;
    told.add(failed);
    process.stderr.write(`activity-guard: ${failed}\n`);
  };
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
  void toldToEnd().then(() => stop.abort());
  await reconciler.watch(stop.signal, (counts) => print(asJson ? JSON.stringify(counts) : textOf(counts)));
  return true;
}
