/** Finding out unknown outcomes in a worker: from Temporal's history, and by the probes of its activities. */
import type { Client } from '@temporalio/client';

import {
  probeSource,
  Reconciler,
  type EvidenceSource,
  type GuardEvent,
  type Probe,
  type ReconcileCounts,
  type ReceiptStore,
  type SourceBudget,
} from '../../core';
import { systemClock } from '../../system-clock';
import { guardedOptions } from '../activity/guarded';
import { TemporalHistoryEvidence, wakeWaiting } from '../client';
import { temporalCodec } from '../outcomes/codec';
import { ownerIn } from '../outcomes/convert';

/** What a worker's reconciler works with. */
export interface WorkerReconciling {
  readonly receipts: ReceiptStore;
  readonly client: Client;
  /** Those of the worker: the marked ones bring their probes. */
  readonly activities: object;
  /** What the probes may be asked, by action. */
  readonly budgets?: Readonly<Record<string, SourceBudget>> | undefined;
  readonly onEvent: (event: GuardEvent) => void;
  readonly onPass: (counts: ReconcileCounts) => void;
}

/** The probes of the activities, each asked with the arguments that the history has of the call. */
function activityProbes(
  { client, activities, budgets = {} }: WorkerReconciling,
  history: TemporalHistoryEvidence,
): EvidenceSource[] {
  const byAction = new Map<string, Probe>();
  for (const [name, fn] of Object.entries(activities)) {
    const { action = name, onUnknown } = guardedOptions(fn) ?? {};
    if (typeof onUnknown === 'function') byAction.set(action, onUnknown as Probe);
  }
  const { loadedDataConverter: converter, namespace } = client.options;
  const codec = temporalCodec({ converter, owner: ownerIn(namespace), excessOf: async () => undefined });
  return [...byAction].map(([action, probe]) =>
    probeSource({
      ...{ action, probe, budget: Object.hasOwn(budgets, action) ? budgets[action] : undefined },
      covers: ({ policy, origin }) => policy === 'probe' && !('step' in origin),
      payloadOf: async (receipt, signal) => {
        const payload = await history.argumentsOf(receipt, signal);
        return payload && { payload };
      },
      encode: async (result) => {
        const { problem: _kept, ...outcome } = await codec.encodeResult(result);
        return outcome;
      },
    }),
  );
}

/** Reconciles until it is told to stop. Stopping waits for the rows that are being looked at. */
export function startReconciling(setup: WorkerReconciling): () => Promise<void> {
  const { receipts, client, onEvent, onPass } = setup;
  const history = new TemporalHistoryEvidence({ client });
  const reconciler = new Reconciler({
    ...{ store: receipts, clock: systemClock, onEvent, onPass },
    sources: [history, ...activityProbes(setup, history)],
    wake: (receipt) => wakeWaiting(client, receipt),
  });
  const stop = new AbortController();
  const watching = reconciler.watch(stop.signal);
  return async () => {
    stop.abort();
    await watching;
  };
}
