/** What the server says of executions that it does not know. */
import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';

/** The numbers of gRPC: INVALID_ARGUMENT, for a run id that is none, and NOT_FOUND. */
const goneCodes = [3, 5];

/** There is no such execution or activity, or none any more. */
export function isGone(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  // Handles of workflows wrap what the server said.
  const said = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(said) && goneCodes.includes(Number(said.code));
}
