/** Giving the outcome that a receipt holds. */
import type { CallOutcome } from './call';
import type { CallState } from './call-state';
import { ResultUnavailableError } from './errors';
import type { Receipt } from './receipt';
import { resultUnavailable } from './settle';

/** The outcome that a settled receipt holds. */
export async function replay(
  state: CallState,
  { outcome, requestId, state: settled }: Receipt,
): Promise<CallOutcome> {
  const { codec } = state.call;
  if (!outcome) throw resultUnavailable(requestId);
  if (settled === 'rejected')
    return { kind: 'rejected', error: await codec.decodeFailure(outcome), replayed: true, requestId };
  try {
    return { kind: 'result', value: await codec.decodeResult(outcome), replayed: true, requestId };
  } catch (cause) {
    if (cause instanceof ResultUnavailableError) throw cause;
    throw resultUnavailable(requestId, cause);
  }
}
