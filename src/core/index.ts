export type {
  CallOutcome,
  GuardedCall,
  GuardEvent,
  HeldEffect,
  OutcomeCodec,
} from './call';
export type { Clock } from './clock';
export { tryAgain } from './codec-retry';
export { decide } from './decide';
export { toMs } from './duration';
export type { Duration } from './duration';
export { GuardEngine } from './engine';
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
} from './errors';
export type { GuardErrorCode, GuardErrorOptions } from './errors';
export { committed, governingPolicy, notCommitted, undetermined } from './policy';
export type { Classify, ErrorClass, OnUnknown, Probe, ProbeQuestion, ProbeResult } from './policy';
export { isUnresolved, noResult, receiptStates } from './receipt';
export type { Evidence, Origin, Outcome, PolicyName, Receipt, ReceiptState, Verdict } from './receipt';
export { singleRequest } from './single-request';
export type {
  ClaimRequest,
  HeldClaim,
  ListFilter,
  ReceiptStats,
  ReceiptStore,
  Resolution,
  Settlement,
  TakeOverRequest,
} from './store';
