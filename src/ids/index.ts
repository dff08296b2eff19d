export { canonicalJson } from './canonical';
export {
  composeId,
  fallbackRequestId,
  fingerprintOf,
  generationId,
  hashArgs,
  hashOfWrittenId,
  hashRequestId,
  hashedRequestId,
  nextScope,
  receiptKey,
  requestIdProblem,
  withoutGeneration,
} from './request-id';
export type { IdentifiedRequest } from './request-id';
export { sha256Hex } from './sha256';
export { CallTable } from './slots';
export type { Call, CallKind } from './slots';
