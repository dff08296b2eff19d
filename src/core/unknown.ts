/** What is done at an unknown outcome, by policy. */
import { lookAtIt, type CallState } from './call-state';
import { nameOf, OutcomeUnknownError } from './errors';
import { concludedSource } from './evidence';
import { governingPolicy, type Probe, type ProbeResult } from './policy';
import { isUnresolved, type Receipt } from './receipt';
import { encodeResult } from './settle';
import { askAgain } from './store-retry';
import { weigh, type KnownOutcome, type Said } from './weigh';

/** A single question to a probe takes this long at most. */
const longestProbeMs = 30_000;

const soon = 1000;

/** What to do next: look at the row again, claim it over the unknown attempt, or wait. */
export type AtUnknown = 'look-again' | 'take-over' | { readonly waitMs: number };

/** Decides on an unknown row: by the evidence on file, else by policy, asking the probe if that is one. */
export async function atUnknown(state: CallState, receipt: Receipt): Promise<AtUnknown> {
  const known = await askAgain(state, () => state.env.store.get(receipt.key));
  if (known?.receipt.epoch !== receipt.epoch || !isUnresolved(known.receipt)) return 'look-again';
  if (await settleByEvidence(state, known)) return 'look-again';
  return byPolicy(state, known);
}

/** Whether what the sources have said settles it. */
export async function settleByEvidence(state: CallState, known: KnownOutcome): Promise<boolean> {
  return act(state, known, undefined);
}

async function byPolicy(state: CallState, known: KnownOutcome): Promise<AtUnknown> {
  const { call, request } = state;
  const { receipt } = known;
  const policy = governingPolicy(receipt.policy, request.policy);
  switch (policy) {
    case 'hold':
      // Waiting here would only delay the failure that makes the doubt visible.
      return { waitMs: Infinity };
    case 'fail':
      throw new OutcomeUnknownError(
        `It is unknown whether ${receipt.action} happened for request id ${receipt.requestId}; nothing is run again, and the caller decides. ${lookAtIt(receipt)}`,
        { requestId: receipt.requestId, retryable: false },
      );
    case 'ask':
      throw new OutcomeUnknownError(
        `It is unknown whether ${receipt.action} happened for request id ${receipt.requestId}; nothing is run again, and the workflow waits for a decision. ${lookAtIt(receipt)}`,
        { requestId: receipt.requestId, retryable: false, ask: { epoch: receipt.epoch } },
      );
    case 'retry':
      return receipt.contested || providerKeysLastMs(state, receipt) <= 0
        ? { waitMs: Infinity }
        : 'take-over';
    case 'probe':
      return typeof call.onUnknown === 'function' && !receipt.contested
        ? askProbe(state, known, call.onUnknown)
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

async function askProbe(state: CallState, known: KnownOutcome, probe: Probe): Promise<AtUnknown> {
  const { receipt } = known;
  // A "no" proves something only if the question was put after the last moment at which the request could still arrive.
  const conclusiveInMs = receipt.leaseRemainingMs + Math.max(receipt.graceMs, state.call.graceMs);
  const answer = await answerOf(state, receipt, probe);
  const later = { waitMs: Math.max(soon, conclusiveInMs) };
  if (answer.verdict === 'undetermined') return later;
  if (answer.verdict === 'not-committed') {
    if (conclusiveInMs > 0) return { waitMs: conclusiveInMs };
    return (await act(state, known, { source: 'probe', verdict: 'not-committed' })) ? 'look-again' : later;
  }
  const { format, bytes, passing } = await encodeResult(state, answer.result);
  // Written without its result the outcome would be final; the probe can be asked again.
  if (passing) return later;
  const outcome = { format, bytes };
  return (await act(state, known, { source: 'probe', verdict: 'committed', outcome })) ? 'look-again' : later;
}

/** Whether the row is settled or released now. If not, evidence is missing or contradicts, or somebody was first. */
async function act(state: CallState, known: KnownOutcome, said: Said | undefined): Promise<boolean> {
  const weighed = await askAgain(state, () => weigh(state.env.store, known, said));
  if (weighed !== 'committed' && weighed !== 'not-committed') return false;
  state.emit('resolved', { by: said?.source ?? concludedSource, verdict: weighed });
  return true;
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
        by: nameOf(error),
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
