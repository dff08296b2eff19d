export { compensate } from './compensate';
export { Guard } from './guard';
export type { GuardOptions } from './guard';
export type {
  EffectClaim,
  Executed,
  ExecuteRequest,
  ExecutionReceipt,
  GuardTerms,
  Rejected,
} from './requests';
export { storedOutcomes } from './stored';
export type { MethodDecorator, Wrapped, WrapOptions } from './wrap';
