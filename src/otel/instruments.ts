/** The metrics that are counted as things happen. Request ids are never among their attributes. */
import type { Attributes, Meter } from '@opentelemetry/api';

import type { BatchKind, CallStep, GuardEvent, ReconcileCounts } from '../core';
import { bounded } from './bounded';
import { attribute } from './names';

/** From a claim by itself to an effect that takes minutes. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What a step was, for its metrics. */
interface StepDone {
  readonly action: string;
  readonly answer: string;
  readonly seconds: number;
  readonly waited: boolean;
}

export class Instruments {
  private readonly action = bounded();
  private readonly error = bounded();
  private readonly source = bounded();
  private readonly claims;
  private readonly settlements;
  private readonly durations;
  private readonly leasesLost;
  private readonly storeErrors;
  private readonly resolutions;
  private readonly batches;
  private readonly passes;
  private readonly looks;

  constructor(meter: Meter) {
    const counter = (name: string, unit: string, description: string) =>
      meter.createCounter(`activity_guard.${name}`, { unit, description });
    const histogram = (name: string, unit: string, description: string, explicitBucketBoundaries: number[]) =>
      meter.createHistogram(`activity_guard.${name}`, {
        ...{ unit, description, advice: { explicitBucketBoundaries } },
      });
    const duration = (step: CallStep, description: string) =>
      histogram(`${step}.duration`, 's', description, seconds);
    this.claims = counter('claims', '{claim}', 'Guarded calls, by the answer to their claim');
    this.settlements = counter(
      'settlements',
      '{settlement}',
      'Effects that ended, by what was written of them',
    );
    this.durations = {
      claim: duration('claim', 'Time until a call has the answer to its claim, waiting included'),
      effect: duration('effect', 'Time that effects ran'),
      settle: duration('settle', 'Time until the outcome of an effect was encoded and written'),
    };
    this.leasesLost = counter(
      'leases.lost',
      '{lease}',
      'Claims that could not be kept while their effect ran',
    );
    this.storeErrors = counter('store.errors', '{error}', 'Questions to the receipts that failed');
    this.resolutions = counter('resolutions', '{receipt}', 'Unknown outcomes that were found out');
    this.batches = histogram('batch.size', '{call}', 'Calls in one statement', sizes);
    this.passes = counter('reconciler.passes', '{pass}', 'Times that all due receipts were looked at');
    this.looks = counter('reconciler.looks', '{receipt}', 'Receipts that were looked at, by what came of it');
  }

  count({ type, action, by, verdict }: GuardEvent): void {
    if (type === 'store-error') this.storeErrors.add(1, { [attribute.errorType]: this.error(by ?? '') });
    else if (type === 'lease-lost') this.leasesLost.add(1, { [attribute.action]: this.action(action) });
    else if (type === 'resolved')
      this.resolutions.add(1, { [attribute.by]: this.source(by ?? ''), [attribute.verdict]: verdict });
  }

  countStep(step: CallStep, { action, answer, seconds, waited }: StepDone): void {
    const byAction: Attributes = { [attribute.action]: this.action(action), [attribute.answer]: answer };
    if (step === 'claim') this.claims.add(1, byAction);
    if (step === 'settle') this.settlements.add(1, byAction);
    // How long the receipts take does not depend on the action.
    const ofReceipts = step === 'claim' ? { [attribute.answer]: answer, [attribute.waited]: waited } : {};
    this.durations[step].record(seconds, step === 'effect' ? byAction : ofReceipts);
  }

  countBatch(kind: BatchKind, size: number): void {
    this.batches.record(size, { [attribute.batch]: kind });
  }

  countPass(counts: ReconcileCounts): void {
    this.passes.add(1);
    const { looked: _all, ...byEnd } = counts;
    for (const [came, count] of Object.entries(byEnd))
      if (count > 0) this.looks.add(count, { [attribute.came]: came });
  }
}
