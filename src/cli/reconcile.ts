/** `reconcile`: finds out what became of unknown outcomes. */
import {
  Reconciler,
  type GuardEvent,
  type ReconcileCounts,
  type ReconcilerSetup,
  type Telemetry,
} from '../core';
import { withTemporal } from '../operator';
import type { PostgresReceipts } from '../stores/pg';
import { systemClock } from '../system-clock';
import { command, flag, text, type Context, type Given } from './definition';
import { metricsOption, withMetrics } from './metrics';
import { loadProbes, sourcesOf } from './probes';
import { progress } from './progress';
import { complain, type Print } from './terminal';
import { toldToEnd } from './told-to-end';
import { UsageError } from './usage-error';

/** What a module of probes has left open, such as a connection, does not keep the process longer. */
const lingerMs = 1000;

const textOf = (counts: ReconcileCounts): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

/** What goes wrong, on stderr; of what a source throws, each kind once: there may be 100,000 of them. */
function toldOnce(): (event: GuardEvent) => void {
  const told = new Set<string>();
  return ({ type, by, action }) => {
    if (type === 'store-error') complain(`the receipts are away (${by})`);
    const failed = `asking about receipts of ${action} failed (${by}); they are asked about again later`;
    if (type !== 'unknown' || told.has(failed)) return;
    told.add(failed);
    complain(failed);
  };
}

async function once(
  reconciler: Reconciler,
  receipts: PostgresReceipts,
  asJson: boolean,
  print: Print,
): Promise<boolean> {
  const start = performance.now();
  const bar = await progress(
    'receipts looked at',
    async () => (await receipts.countOutstanding()).unresolved,
  );
  const counts = await reconciler.pass(undefined, () => bar.add(1)).finally(bar.end);
  const seconds = (performance.now() - start) / 1000;
  const rowsPerSecond = Math.round(counts.looked / Math.max(seconds, 0.001));
  await print(
    asJson
      ? JSON.stringify({ ...counts, seconds: Number(seconds.toFixed(3)), rowsPerSecond })
      : `${textOf(counts)} (${seconds.toFixed(1)} s)`,
  );
  return counts.failed === 0;
}

async function watch(reconciler: Reconciler, asJson: boolean, print: Print): Promise<true> {
  const stop = new AbortController();
  void toldToEnd().then(() => stop.abort());
  await reconciler.watch(stop.signal, (counts) => {
    void print(asJson ? JSON.stringify(counts) : textOf(counts));
  });
  return true;
}

const options = {
  watch: flag('again and again, until it is told to end'),
  probes: text(
    'FILE',
    'also by the probes that this JavaScript module exports, as probes: { [action]: probe }',
    { isFile: true },
  ),
  'no-temporal': flag("without Temporal's history; nobody is woken"),
  ...metricsOption,
};

async function findOut(
  { receipts, print, given: { json } }: Context,
  given: Given<typeof options>,
  telemetry: Telemetry | undefined,
): Promise<boolean> {
  telemetry?.watch(receipts);
  const complainOf = toldOnce();
  const run = (setup: Pick<ReconcilerSetup, 'sources' | 'wake'>): Promise<boolean> => {
    const reconciler = new Reconciler({
      ...{ store: receipts, clock: systemClock },
      onEvent: (event) => {
        telemetry?.event(event);
        complainOf(event);
      },
      onPass: (counts) => telemetry?.reconciled(counts),
      ...setup,
    });
    return given.watch ? watch(reconciler, json, print) : once(reconciler, receipts, json, print);
  };
  const loaded = given.probes === undefined ? undefined : await loadProbes(given.probes);
  try {
    if (given['no-temporal']) return await run({ sources: loaded ? sourcesOf(loaded) : [] });
    return await withTemporal((client, { TemporalHistoryEvidence, wakeWaiting }) => {
      const history = new TemporalHistoryEvidence({ client });
      const probes = loaded
        ? sourcesOf(loaded, (receipt, signal) => history.argumentsOf(receipt, signal))
        : [];
      return run({ sources: [history, ...probes], wake: (receipt) => wakeWaiting(client, receipt) });
    });
  } finally {
    if (loaded) setTimeout(() => process.exit(), lingerMs).unref();
  }
}

export const reconcile = command({
  name: 'reconcile',
  summary: 'find out unknown outcomes',
  more: "One pass over all that is due, from the evidence on file, Temporal's history and the probes that are given; the probes of activities are asked by workers (reconcile: true).",
  options,
  examples: [
    'reconcile',
    'reconcile --watch --metrics 9464',
    'reconcile --probes probes.mjs --no-temporal --json',
  ],
  check: ({ watch, metrics }) => {
    if (metrics !== undefined && !watch) throw new UsageError('--metrics goes with --watch');
  },
  run: (context, given) => withMetrics(given.metrics, (telemetry) => findOut(context, given, telemetry)),
});
