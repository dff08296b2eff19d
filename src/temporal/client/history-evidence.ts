/** Evidence from Temporal's history: a result that reached it, although its receipt could not be written. */
import type { Client } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  ExternalStorageRunner,
  type encodeToPayload,
} from '@temporalio/common/lib/internal-non-workflow';

import type { EvidenceSource, Finding, Receipt } from '../../core';
import { outcomeOfPayloads } from '../outcomes/payload';
import { RunViews, type RecordedActivity } from './activity-history';
import { isGone } from './gone';
import type { RunOfWorkflow } from './run-history';

/** What the source reads with. */
export interface TemporalHistoryEvidenceOptions {
  /** Of the namespace of the workflows; for `argumentsOf`, with the data converter of their workers. */
  readonly client: Client;
}

/** An activity, as the claim named it. */
interface ClaimedActivity extends RunOfWorkflow {
  readonly activityId: string;
}

const undetermined = (note: string): Finding => ({ verdict: 'undetermined', note });

/** The ids that the SDK gives count upwards, so that no activity of the run has the same one again. */
const isCounted = (activityId: string): boolean => /^\d+$/.test(activityId);

/**
 * Reads in Temporal's history what became of an effect: where the activity has completed, it was committed, with the
 * result that the workflow got. Nothing else proves anything: a failure, a time-out, a cancellation or an absence is
 * `'undetermined'`.
 *
 * Covers claims on whole activities of workflows, in the client's namespace, made where the guard was certainly the
 * outermost activity interceptor (`origin.outermost`; the plugin knows, interceptors registered by hand do not). Not
 * covered: steps; local activities; activities that a client started without a workflow; transactional effects, which
 * a failover can take back although their activity has completed.
 */
export class TemporalHistoryEvidence implements EvidenceSource {
  readonly name = 'temporal-history';
  private readonly client: Client;
  private readonly views: RunViews;

  constructor({ client }: TemporalHistoryEvidenceOptions) {
    this.client = client;
    this.views = new RunViews(client);
  }

  /** Whether a history can say anything of this receipt. */
  covers(receipt: Receipt): boolean {
    const { step, outermost } = receipt.origin;
    return (
      step === undefined &&
      outermost === 'yes' &&
      !receipt.transactional &&
      this.activityOf(receipt) !== undefined
    );
  }

  /**
   * Looks whether the activity has completed. One request while it is pending, and the pages of its history after that.
   * @throws what the client throws when Temporal cannot be reached, and the signal's reason; asking again is safe
   */
  async ask(receipt: Receipt, signal: AbortSignal): Promise<Finding> {
    const claimed = this.covers(receipt) ? this.activityOf(receipt) : undefined;
    if (!claimed) return undetermined('the history cannot tell for this kind of claim');
    try {
      const view = this.views.of(claimed, isCounted(claimed.activityId));
      const pending = (await view.pending(signal)).get(claimed.activityId);
      if (pending) {
        const paused = pending.isPaused ? ', paused' : '';
        return undetermined(`the activity is still pending (attempt ${pending.attempt}${paused})`);
      }
      return await this.findingOf(receipt, (await view.activities(signal)).get(claimed.activityId));
    } catch (error) {
      if (!isGone(error)) throw error;
      return undetermined('the workflow execution is not found (its retention may be over)');
    }
  }

  /**
   * The arguments of the activity that claimed, from the event that scheduled it, decoded by the client's data
   * converter; of a step, those of its whole activity. `undefined` where no history has them: local activities,
   * activities without a workflow, workflows that are gone, an activity id that the workflow used twice.
   * @throws what the client or the data converter throws; asking again is safe
   */
  async argumentsOf(receipt: Receipt, signal?: AbortSignal): Promise<readonly unknown[] | undefined> {
    const claimed = this.activityOf(receipt);
    if (!claimed) return undefined;
    const { workflowId, activityId } = claimed;
    try {
      const view = this.views.of(claimed, isCounted(activityId));
      const found = (await view.activities(signal ?? new AbortController().signal)).get(activityId);
      if (!found || found.isRepeated) return undefined;
      const owner: NonNullable<Parameters<typeof encodeToPayload>[2]> = {
        ...{ type: 'activity', namespace: this.client.options.namespace, workflowId, activityId },
        isLocal: false,
      };
      return await decodeArrayFromPayloads(this.converter, await this.retrieved(found.input), owner);
    } catch (error) {
      if (!isGone(error)) throw error;
      return undefined;
    }
  }

  private get converter(): LoadedDataConverter {
    return this.client.options.loadedDataConverter;
  }

  /** The activity of the workflow that claimed, if its history is this client's to read. */
  private activityOf({ origin }: Receipt): ClaimedActivity | undefined {
    const { temporalNamespace, workflowId, runId, activityId, local } = origin;
    if (temporalNamespace !== this.client.options.namespace || local !== undefined) return undefined;
    return workflowId && runId && activityId ? { workflowId, runId, activityId } : undefined;
  }

  private async findingOf(receipt: Receipt, activity: RecordedActivity | undefined): Promise<Finding> {
    if (!activity) return undetermined('the history does not show the activity');
    const { end, attempt, identity, isRepeated } = activity;
    if (isRepeated)
      return undetermined('the history cannot tell which of several activities of this id it was');
    if (!end) return undetermined('the history shows no end of the activity');
    if (end.how !== 'completed') return undetermined(`the activity ${end.how}`);
    // Another attempt may have run on a worker without the guard, or was completed by hand while it waited.
    if (String(attempt) !== receipt.origin['attempt'])
      return undetermined(`attempt ${attempt ?? '?'} has completed, not the one that claimed`);
    // Somebody who completes an activity by hand wants the workflow to go on, whatever happened.
    if (receipt.state !== 'delegated' && end.identity !== identity)
      return undetermined('the activity was completed from elsewhere, not by the worker that claimed');
    const result = await this.retrieved(end.result ?? []);
    if (result.some(isReference))
      return undetermined('the result is in an external storage that is not known here');
    return { verdict: 'committed', outcome: outcomeOfPayloads(result) };
  }

  /** Receipts hold results themselves; the history may refer to a storage of large ones. */
  private async retrieved(payloads: readonly Payload[]): Promise<Payload[]> {
    const { externalStorage } = this.converter;
    return externalStorage && payloads.some(isReference)
      ? new ExternalStorageRunner(externalStorage).retrieve([...payloads])
      : [...payloads];
  }
}

/** What the SDK puts in place of a payload that it has stored elsewhere. */
function isReference({ metadata }: Payload): boolean {
  const type = metadata?.['messageType'];
  return type != null && new TextDecoder().decode(type) === 'temporal.api.sdk.v1.ExternalStorageReference';
}
