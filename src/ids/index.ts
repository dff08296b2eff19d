export { canonicalJson } from './canonical';
export {
  composeId,
  fallbackRequestId,
  fingerprintOf,
  hashArgs,
  hashOfWrittenId,
  hashRequestId,
  hashedRequestId,
  nextScope,
  receiptKey,
  requestIdProblem,
} from './request-id';
export { sha256Hex } from './sha256';
export { CallTable } from './slots';
export type { Call, CallKind } from './slots';
