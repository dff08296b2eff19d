/**
 * activity-guard: what every part of it shares. Errors to catch and to throw, the answers of a probe, and the
 * types of receipts. Imports nothing but Node.
 */
export {
  ActivityGuardError,
  GuardNotInstalledError,
  InFlightError,
  InvalidRequestError,
  LeaseLostError,
  NotCommittedError,
  OutcomeUnknownError,
  ReceiptStoreUnavailableError,
  RejectedError,
  RequestIdReusedError,
  ResultUnavailableError,
  committed,
  notCommitted,
  singleRequest,
  undetermined,
} from './core';
export type {
  ClaimRequest,
  Classify,
  Duration,
  ErrorClass,
  Evidence,
  GuardErrorCode,
  GuardErrorOptions,
  GuardEvent,
  HeldClaim,
  ListFilter,
  OnUnknown,
  Origin,
  Outcome,
  PolicyName,
  Probe,
  ProbeQuestion,
  ProbeResult,
  Receipt,
  ReceiptState,
  ReceiptStats,
  ReceiptStore,
  Resolution,
  Settlement,
  TakeOverRequest,
  Verdict,
} from './core';
export { memoryReceipts } from './stores/memory';
