/**
 * For workflow code, and for clients that decide: outcomes that are unknown, and effects that are undone. Safe in the
 * workflow sandbox. `interceptors` makes this a module for `workflowModules`, too.
 */
export { compensate, withReceipt } from './compensation';
export { untilFinal } from './finality';
export type { ReceiptReference } from './outcome-context';
export { resolveOutcome, unresolvedOutcomes } from './outcome-definitions';
export { interceptors } from './outcomes-interceptors';
export type { AcceptedDecision, OutcomeDecision, UnresolvedOutcome } from './unresolved';
