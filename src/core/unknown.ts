/** What is done at an unknown outcome, by policy. */
import type { CallState } from './call-state';
import { OutcomeUnknownError } from './errors';
import { governingPolicy, type Probe, type ProbeResult } from './policy';
import type { Outcome, Receipt } from './receipt';
import { encodeResult } from './settle';
import { askAgain } from './store-retry';

/** A single question to a probe takes this long at most. */
const longestProbeMs = 30_000;

const soon = 1000;

/** What to do next: look at the row again, claim it over the unknown attempt, or wait. */
export type AtUnknown = 'look-again' | 'take-over' | { readonly waitMs: number };

/** Decides on an unknown row, asking the probe if the policy is one. */
export async function atUnknown(state: CallState, receipt: Receipt): Promise<AtUnknown> {
  const { call, request } = state;
  const policy = governingPolicy(receipt.policy, request.policy);
  switch (policy) {
    case 'hold':
      // Waiting here would only delay the failure that makes the doubt visible.
      return { waitMs: Infinity };
    case 'fail':
      throw new OutcomeUnknownError(
        `It is unknown whether ${receipt.action} happened for request id ${receipt.requestId}; nothing is run again, and the caller decides.`,
        { requestId: receipt.requestId, retryable: false },
      );
    case 'ask':
      throw new OutcomeUnknownError(
        `It is unknown whether ${receipt.action} happened for request id ${receipt.requestId}; nothing is run again, and the workflow waits for a decision.`,
        { requestId: receipt.requestId, retryable: false, ask: { epoch: receipt.epoch } },
      );
    case 'retry':
      return providerKeysLastMs(state, receipt) <= 0 ? { waitMs: Infinity } : 'take-over';
    case 'probe':
      return typeof call.onUnknown === 'function'
        ? askProbe(state, receipt, call.onUnknown)
        : { waitMs: Infinity };
    default:
      return policy satisfies never;
  }
}

/**
 * For how long a request sent now still finds its key at the provider, which may have it since the first claim: what
 * the provider forgot, it would do again.
 */
export const providerKeysLastMs = ({ call }: CallState, { ageMs }: Receipt): number =>
  call.providerKeyTtlMs === undefined ? Infinity : call.providerKeyTtlMs - ageMs - call.graceMs;

async function askProbe(state: CallState, receipt: Receipt, probe: Probe): Promise<AtUnknown> {
  // A "no" proves something only if the question was put after the last moment at which the request could still arrive.
  const conclusiveInMs = receipt.leaseRemainingMs + Math.max(receipt.graceMs, state.call.graceMs);
  const answer = await answerOf(state, receipt, probe);
  if (answer.verdict === 'committed') {
    const { outcome, passing } = await encodeResult(state, answer.result);
    // Written without its result the outcome would be final; the probe can be asked again.
    if (passing) return { waitMs: Math.max(soon, conclusiveInMs) };
    return resolve(state, receipt, 'committed', outcome);
  }
  if (answer.verdict === 'not-committed') {
    return conclusiveInMs <= 0 ? resolve(state, receipt, 'not-committed') : { waitMs: conclusiveInMs };
  }
  return { waitMs: Math.max(soon, conclusiveInMs) };
}

async function resolve(
  state: CallState,
  receipt: Receipt,
  verdict: 'committed' | 'not-committed',
  outcome?: Outcome,
): Promise<AtUnknown> {
  const resolution = { key: receipt.key, epoch: receipt.epoch, verdict, source: 'probe', outcome };
  const done = await askAgain(state, () => state.env.store.resolve(resolution));
  if (done) state.emit('resolved', { by: 'probe', verdict });
  // Not done: somebody else changed the row first, or evidence on file forbids the release.
  return done ? 'look-again' : { waitMs: soon };
}

async function answerOf(state: CallState, receipt: Receipt, probe: Probe): Promise<ProbeResult> {
  const { call, env } = state;
  const { action, epoch, claimedAt, ageMs, origin } = receipt;
  const overdue = new AbortController();
  const limitMs = Math.max(soon, Math.min(longestProbeMs, call.deadline - env.clock.monotonic()));
  const question = {
    requestId: receipt.requestId,
    payload: call.payload as never,
    claim: { action, epoch, claimedAt, ageMs, origin },
    signal: overdue.signal,
  };
  const asked = Promise.resolve()
    .then(() => probe(question))
    .then((answer) => {
      if (['committed', 'not-committed', 'undetermined'].includes(answer?.verdict)) return answer;
      throw new TypeError('a probe answers committed(result), notCommitted() or undetermined()');
    })
    .catch((error: unknown): ProbeResult => {
      state.emit('unknown', {
        by: error instanceof Error ? error.name : typeof error,
        verdict: 'undetermined',
      });
      return { verdict: 'undetermined' };
    });
  const given = call.signal ? AbortSignal.any([overdue.signal, call.signal]) : overdue.signal;
  const late = env.clock.sleep(limitMs, given).then((): ProbeResult => ({ verdict: 'undetermined' }));
  const answer = await Promise.race([asked, late]);
  overdue.abort();
  return answer;
}
