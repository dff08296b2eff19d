/** To which events a run can be reset, by the rules of the server. */
import { InvalidRequestError } from '../../core';
import type { RunHistory } from './run-history';

/** Named in a message at most. */
const mostNamed = 10;

/**
 * The events that the server certainly takes: each ends a workflow task. The new run keeps what is before it, and its
 * first workflow task takes the place of that one.
 */
export const resettable = (run: RunHistory): number[] =>
  run.tasks.flatMap(({ closed }) => (closed === undefined ? [] : [closed]));

/**
 * Checks an event to reset to. The server takes what comes after the scheduling of a workflow task up to its end, if it
 * begins a batch of events; where batches begin does not show in a history.
 * @returns whether it is certain that the server takes it
 * @throws InvalidRequestError naming events that can be reset to
 */
export function checkResetPoint(run: RunHistory, resetTo: number): boolean {
  const points = resettable(run);
  if (points.includes(resetTo)) return true;
  const isWithin = run.tasks.some(
    ({ scheduled, started, closed }) =>
      resetTo > scheduled && resetTo <= (closed ?? started ?? run.lastEventId) && resetTo <= run.lastEventId,
  );
  if (isWithin) return false;
  const near = [...points]
    .sort((a, b) => Math.abs(a - resetTo) - Math.abs(b - resetTo))
    .slice(0, mostNamed)
    .sort((a, b) => a - b);
  const nearest = `${points.length > near.length ? 'The nearest are' : 'They are'} ${near.join(', ')}.`;
  throw new InvalidRequestError(
    `Workflow ${run.workflowId} (run ${run.runId}) cannot be reset to event ${resetTo}: ` +
      (resetTo > run.lastEventId
        ? `its last event${run.isCut ? ' that was read' : ''} is ${run.lastEventId}. `
        : '') +
      'Give the event that ends a workflow task (WorkflowTaskCompleted, WorkflowTaskFailed or WorkflowTaskTimedOut). ' +
      (near.length > 0 ? nearest : 'It has none yet.'),
  );
}
