export { checkBudget } from './budget';
export type { SourceBudget } from './budget';
export type { EvidenceSource, Finding } from './evidence-source';
export type {
  CallOutcome,
  EncodedOutcome,
  GuardedCall,
  HeldEffect,
  OutcomeCodec,
} from './call';
export type { GuardEvent } from './guard-event';
export { holdDelayMs } from './call-state';
export type { Clock } from './clock';
export { currentClaim, currentEffect, requestId } from './current';
export { tryAgain } from './codec-retry';
export { decide } from './decide';
export { spoken, toMs } from './duration';
export type { Duration } from './duration';
export { effectTerms, underTerms } from './effect-options';
export type { AnyFunction, CurrentClaim, EffectDefaults, EffectOptions } from './effect-options';
export { GuardEngine } from './engine';
export {
  checkedAction,
  checkedContent,
  checkedFingerprint,
  checkedGeneration,
  checkedId,
  mostActionCharacters,
} from './identify';
export {
  ActivityGuardError,
  errorMessage,
  errorName,
  GuardNotInstalledError,
  InFlightError,
  InvalidRequestError,
  LeaseLostError,
  nameOf,
  NotCommittedError,
  OutcomeUnknownError,
  readable,
  ReceiptStoreUnavailableError,
  RejectedError,
  ReceiptPrunedError,
  RequestIdReusedError,
  ResultUnavailableError,
  textIn,
} from './errors';
export type { GuardErrorCode, GuardErrorOptions } from './errors';
export { classifyError, committed, governingPolicy, notCommitted, undetermined } from './policy';
export type { Classify, ErrorClass, OnUnknown, Probe, ProbeQuestion, ProbeResult } from './policy';
export { probeSource } from './probe-source';
export { Reconciler } from './reconciler';
export type { ReconcileCounts, ReconcilerSetup } from './reconciler';
export { shownPayload } from './redact';
export { recordEvidence } from './record-evidence';
export type { EvidenceAnswer, ReportedEvidence } from './record-evidence';
export {
  attemptSource,
  concludedSource,
  failoverSource,
  finalityOf,
  operatorSource,
  writtenAnew,
} from './evidence';
export {
  compensated,
  isFree,
  isOutstanding,
  isProvisional,
  isSettled,
  isTooEarly,
  isUnresolved,
  noResult,
  receiptStates,
} from './receipt';
export type {
  Evidence,
  FinalityTerms,
  Origin,
  Outcome,
  PolicyName,
  Receipt,
  ReceiptState,
  Verdict,
} from './receipt';
export { lookForFinality, weigh } from './weigh';
export type { Said } from './weigh';
export { sharedStorage } from './shared-storage';
export type {
  CallStep,
  ObservedCall,
  StepEnd,
  StepWatch,
  Telemetry,
} from './telemetry';
export { showCommand } from './show-command';
export { singleRequest } from './single-request';
export { storeChecks } from './store-checks';
export { isFinal } from './store-retry';
export type {
  BatchKind,
  ClaimRequest,
  DueReceipt,
  HeldClaim,
  ListFilter,
  NewEvidence,
  OutstandingCounts,
  PruneRequest,
  ReceiptStats,
  ReceiptStore,
  Resolution,
  SeenReceipt,
  Settlement,
  Supersession,
  StoreDescription,
  TakeOverRequest,
} from './store';
