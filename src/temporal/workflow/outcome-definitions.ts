/** How a workflow that waits for decisions is talked to. */
import { defineQuery, defineUpdate } from '@temporalio/workflow';

import type { AcceptedDecision, OutcomeDecision, UnresolvedOutcome } from './unresolved';

/**
 * Decides an outcome that a workflow waits for (`onUnknown: 'ask'`):
 * `handle.executeUpdate(resolveOutcome, { args: [{ requestId, verdict: 'committed', result, by, reason }] })`.
 * Refused where the workflow does not wait for that id, where another epoch is in doubt, and after a first decision.
 * That it is accepted does not say yet that it counts: the receipts may refuse it, and then the workflow asks again.
 */
export const resolveOutcome = defineUpdate<AcceptedDecision, [decision: OutcomeDecision]>('resolveOutcome');

/** What a workflow waits for. */
export const unresolvedOutcomes = defineQuery<UnresolvedOutcome[]>('unresolvedOutcomes');
