/** Finding out unknown outcomes in a worker: from Temporal's history, and by the probes of its activities. */
import type { Client } from '@temporalio/client';

import {
  Reconciler,
  type EvidenceSource,
  type Finding,
  type GuardEvent,
  type Probe,
  type Receipt,
  type ReceiptStore,
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
  readonly onEvent: (event: GuardEvent) => void;
}

/** Asks the probe of the activity that made the claim, with the arguments that its history has. */
class ActivityProbes implements EvidenceSource {
  readonly name = 'probe';
  private readonly byAction = new Map<string, Probe>();

  constructor(
    activities: object,
    private readonly client: Client,
    private readonly history: TemporalHistoryEvidence,
  ) {
    for (const [name, fn] of Object.entries(activities)) {
      const { action = name, onUnknown } = guardedOptions(fn) ?? {};
      if (typeof onUnknown === 'function') this.byAction.set(action, onUnknown as Probe);
    }
  }

  covers({ policy, action, origin }: Receipt): boolean {
    return policy === 'probe' && this.byAction.has(action) && !('step' in origin);
  }

  async ask(receipt: Receipt, signal: AbortSignal): Promise<Finding> {
    const { requestId, action, epoch, claimedAt, ageMs, origin } = receipt;
    const payload = await this.history.argumentsOf(receipt, signal);
    if (!payload)
      return { verdict: 'undetermined', note: 'the history of its workflow does not have its arguments' };
    const claim = { action, epoch, claimedAt, ageMs, origin };
    const answer = await this.byAction.get(action)?.({ requestId, payload: payload as never, claim, signal });
    if (answer?.verdict === 'not-committed') return { verdict: 'not-committed' };
    if (answer?.verdict !== 'committed') return { verdict: 'undetermined' };
    const { loadedDataConverter: converter, namespace } = this.client.options;
    const codec = temporalCodec({ converter, owner: ownerIn(namespace), excessOf: async () => undefined });
    const { problem: _kept, ...outcome } = await codec.encodeResult(answer.result);
    return { verdict: 'committed', outcome };
  }
}

/** Reconciles until it is told to stop. Stopping waits for the rows that are being looked at. */
export function startReconciling(setup: WorkerReconciling): () => Promise<void> {
  const { receipts, client, activities, onEvent } = setup;
  const history = new TemporalHistoryEvidence({ client });
  const reconciler = new Reconciler({
    ...{ store: receipts, clock: systemClock, onEvent },
    sources: [history, new ActivityProbes(activities, client, history)],
    wake: (receipt) => wakeWaiting(client, receipt),
  });
  const stop = new AbortController();
  const watching = reconciler.watch(stop.signal);
  return async () => {
    stop.abort();
    await watching;
  };
}
