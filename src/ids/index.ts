export { CanonicalError, canonicalJson } from './canonical';
export {
  callSiteOf,
  compensationId,
  fallbackRequestId,
  fingerprintOf,
  generationId,
  hashOfWrittenId,
  hashedRequestId,
  receiptKey,
  withoutGeneration,
} from './receipt-id';
export type { IdentifiedRequest } from './receipt-id';
export {
  composeId,
  fingerprintProblem,
  hashArgs,
  hashRequestId,
  nextScope,
  requestIdProblem,
} from './request-id';
export { sha256Hex } from './sha256';
export { CallTable } from './slots';
export type { Call, CallKind } from './slots';
export { keyOfWrittenId, mostGenerations, nextGenerationOf, writtenIdProblem } from './written-id';
