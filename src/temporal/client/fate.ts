/** What becomes of a call that is made again, by the receipt of its intent. Pure. */
import { isFree, isUnresolved, type Receipt } from '../../core';

/**
 * What becomes of a call after a reset.
 * - `kept`: its outcome stays in history, or its workflow goes on; it is not made again.
 * - `replayed`, `rejected`: made again, and answered by its receipt.
 * - `waits`: made again; nothing runs until somebody else has finished, or until the outcome is resolved.
 * - `refused`: made again, and it fails without running.
 * - `steps`: its function runs again; its steps, which are listed, are guarded each for itself.
 * - `mayRun`: whether it is made again depends on what the code does with an earlier call; if it is, it may run.
 * - `runs`: it runs again.
 */
export type Fate = 'kept' | 'replayed' | 'rejected' | 'waits' | 'refused' | 'steps' | 'mayRun' | 'runs';

/** A fate, and why. */
export interface Prediction {
  readonly fate: Fate;
  readonly reason: string;
}

/** What is needed of a receipt; never its outcome. */
export type KnownReceipt = Pick<
  Receipt,
  | 'key'
  | 'requestId'
  | 'action'
  | 'state'
  | 'policy'
  | 'epoch'
  | 'leaseRemainingMs'
  | 'transactional'
  | 'doubt'
  | 'claimedAt'
  | 'origin'
>;

/** The state as people see it: a claim whose lease ran out is unknown, or was released. */
export function stateOf(receipt: KnownReceipt): Receipt['state'] {
  if (isUnresolved(receipt)) return 'unknown';
  return isFree(receipt) ? 'released' : receipt.state;
}

const unknownFates: Readonly<Record<Receipt['policy'], Prediction>> = {
  hold: { fate: 'waits', reason: 'nobody knows the outcome; held until it is resolved' },
  probe: {
    fate: 'waits',
    reason: 'nobody knows the outcome; the probe is asked, and may find that it has to run',
  },
  fail: { fate: 'refused', reason: 'nobody knows the outcome; fails as OutcomeUnknown' },
  ask: { fate: 'waits', reason: 'nobody knows the outcome; the workflow waits for a decision' },
  retry: {
    fate: 'runs',
    reason: "nobody knows the outcome; runs again under the same id (onUnknown: 'retry')",
  },
};

/** What a call that finds this receipt gets. */
export function fateOf(receipt: KnownReceipt): Prediction {
  const state = stateOf(receipt);
  switch (state) {
    case 'committed':
      return { fate: 'replayed', reason: 'gets the stored result' };
    case 'rejected':
      return { fate: 'rejected', reason: 'gets the stored rejection' };
    case 'claimed':
      return { fate: 'waits', reason: 'in flight: waits for whoever holds the claim' };
    case 'delegated':
      return { fate: 'waits', reason: 'being completed elsewhere: waits for that' };
    case 'pruned':
      return { fate: 'refused', reason: 'its receipt was pruned: fails as ReceiptPruned' };
    case 'released':
      return { fate: 'runs', reason: 'released: it had not happened' };
    case 'superseded':
      return { fate: 'runs', reason: 'superseded by an operator: runs as a new generation' };
    case 'unknown':
      return unknownFates[receipt.policy];
    default:
      return state satisfies never;
  }
}

/** Its id names the run, directly or by its scope. */
export const losesItsId: Prediction = {
  fate: 'runs',
  reason: 'its id names the run, and a reset makes another run',
};

/** The receipt of an earlier call that had failed, is made again, too, and ends otherwise this time. */
export const wasARetry = (eventId: number): Prediction => ({
  fate: 'mayRun',
  reason: `was a retry of event ${eventId}, which now gets the stored outcome; if it is called all the same, that is a new intent`,
});
