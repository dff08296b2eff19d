/** What the people who look after receipts see and decide, by the command line and by the web page. */
export { find, isOpen, readToken, resolve, supersede, tokenOf } from './decisions';
export type { Decider, Found } from './decisions';
export { printable } from './printable';
export { shown, shownEvidence, stateOf, workflowLink } from './shown';
export { TemporalAwayError, withTemporal } from './temporal';
export { textOf, wake } from './wake';
