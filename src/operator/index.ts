/** What the people who look after receipts see and decide, by the command line and by the web page. */
export { find, isOpen, readToken, resolve, resultOf, supersede, tokenOf } from './decisions';
export type { Decided, Decider, Found, SeenToken } from './decisions';
export { printable } from './printable';
export {
  receiptDocument,
  shown,
  shownEvidence,
  shownStates,
  stateFilter,
  stateOf,
  workflowLink,
} from './shown';
export { privateKeyIn, publicKeyIn, signed, verified } from './signed';
export { TemporalAwayError, withTemporal } from './temporal';
export { textOf, wake } from './wake';
export type { Woken } from './wake';
