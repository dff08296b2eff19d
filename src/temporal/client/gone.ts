/** What the server says of executions that it does not know. */
import { isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';

/** The numbers of gRPC: INVALID_ARGUMENT, for a run id that is none, and NOT_FOUND. */
const goneCodes = [3, 5];

/** There is no such execution or activity, or none any more. */
export const isGone = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && goneCodes.includes(error.code));
